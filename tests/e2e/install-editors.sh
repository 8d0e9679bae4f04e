#!/bin/sh
# install-editors.sh DIR: unpack the editors that tests/e2e drives into DIR, on Debian and its like.
#
# It needs apt-get and dpkg-deb, no root, and changes nothing outside of DIR.
# DIR/SUITE/bin/PROGRAM runs them; a suite that is there already is left alone.
set -eu

. "$(dirname "$0")/../debian.sh"

main() {
  [ $# -eq 1 ] || { echo "usage: $0 DIR" >&2; exit 2; }
  needs_debian "install the editors by hand and put them on PATH."
  mkdir -p "$1"
  DIR=$(cd "$1" && pwd)

  # The newest, and the last Neovim before vim.lsp.config (0.11).
  unpack forky neovim hx vim vim-ale emacs-nox tmux
  unpack trixie neovim
}

unpack() {  # unpack SUITE PACKAGE...
  top=$DIR/$1
  if [ ! -e "$top/.done" ]; then
    suite=$1; shift
    unpack_debian "$suite" "$top" "$@"
    wrap
    touch "$top/.done"
  fi
}

wrap() {  # write DIR/SUITE/bin/PROGRAM for each of the programs that were unpacked
  libraries=$(find "$root/usr/lib" "$root/lib" -name 'lib*.so.*' -exec dirname {} + 2>/dev/null | sort -u | paste -s -d : -)
  emacs=$(find "$root/usr/share/emacs" -maxdepth 1 -name '[0-9]*' 2>/dev/null || true)
  dump=$(find "$root/usr" -name 'emacs*.pdmp' | head -n 1)
  mkdir -p "$top/bin"
  program nvim nvim "VIMRUNTIME='$root/usr/share/nvim/runtime'"
  program hx hx "HELIX_RUNTIME='$(dirname "$(find "$root/usr" -path '*/helix*/queries' -o -path '*/hx/*/queries' | head -n 1)")'"
  program vim vim.basic "VIM='$root/usr/share/vim' VIMRUNTIME='$(find "$root/usr/share/vim" -maxdepth 1 -name 'vim[0-9]*' 2>/dev/null)'"
  program tmux tmux "TERMINFO='$root/usr/share/terminfo'"
  program emacs emacs-nox "EMACSLOADPATH='$emacs/lisp' EMACSDATA='$emacs/etc' EMACSDOC='$emacs/etc'" "--dump-file='$dump'"
}

program() {  # program NAME BINARY ENVIRONMENT [ARGUMENTS]: one of them, if it is there
  binary=$root/usr/bin/$2
  [ -e "$binary" ] || return 0
  cat > "$top/bin/$1" <<RUN
#!/bin/sh
export $3
exec '$loader' --argv0 '$binary' --library-path '$libraries' '$binary' ${4:-} "\$@"
RUN
  chmod +x "$top/bin/$1"
}

main "$@"

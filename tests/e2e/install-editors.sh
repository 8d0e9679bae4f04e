#!/bin/sh
# install-editors.sh DIR: unpack the editors that tests/e2e drives into DIR, on Debian and its like.
#
# It needs apt-get and dpkg-deb, no root, and changes nothing outside of DIR. Each suite's programs
# come with the C library that they were linked with, so it does not matter how old this system is.
# DIR/SUITE/bin/PROGRAM runs them; a suite that is there already is left alone.
# DEBIAN_MIRROR names another mirror than the one that apt is set up with.
set -eu

main() {
  [ $# -eq 1 ] || { echo "usage: $0 DIR" >&2; exit 2; }
  for tool in apt-get dpkg-deb; do
    command -v "$tool" >/dev/null || { echo "$0 needs $tool: install the editors by hand and put them on PATH." >&2; exit 1; }
  done
  mkdir -p "$1"
  DIR=$(cd "$1" && pwd)
  MIRROR=${DEBIAN_MIRROR:-$(apt-get indextargets --format '$(REPO_URI)' 'Component: main' | grep -m 1 'debian/*$' || true)}
  [ -n "$MIRROR" ] || { echo "no Debian mirror in apt's sources: name one as DEBIAN_MIRROR." >&2; exit 1; }

  # The newest, and the last Neovim before vim.lsp.config (0.11).
  unpack forky neovim hx vim vim-ale emacs-nox tmux
  unpack trixie neovim
}

unpack() {  # unpack SUITE PACKAGE...
  suite=$1; shift
  top=$DIR/$suite
  root=$top/root
  if [ ! -e "$top/.done" ]; then
    echo "Unpacking $* of Debian $suite into $top."
    rm -rf "$top"
    download "$suite" "$@"
    for package in "$top"/apt/archives/*.deb; do
      case ${package##*/} in
        # What compilers, services and the browsing of Emacs' sources need: none of it runs here.
        binutils*|*-dev_*|linux-libc-dev*|systemd_*|emacs-el_*|lib?san*|libhwasan*) ;;
        *) dpkg-deb --extract "$package" "$root" ;;
      esac
    done
    wrap
    rm -rf "$top/apt"
    touch "$top/.done"
  fi
}

download() {  # download SUITE PACKAGE...: with all that they depend on, by an apt of its own
  suite=$1; shift
  apt=$DIR/$suite/apt
  mkdir -p "$apt/lists/partial" "$apt/archives/partial"
  echo "deb $MIRROR $suite main" > "$apt/sources.list"
  cat > "$apt/apt.conf" <<CONF
Dir::State "$apt";
Dir::State::lists "$apt/lists";
Dir::State::status "/dev/null";
Dir::Cache "$apt";
Dir::Cache::archives "$apt/archives";
Dir::Etc::sourcelist "$apt/sources.list";
Dir::Etc::sourceparts "/dev/null";
Dir::Etc::preferencesparts "/dev/null";
APT::Architectures { "$(dpkg --print-architecture)"; };
APT::Install-Recommends "false";
APT::Sandbox::User "$(id -un)";
Acquire::Languages "none";
Debug::NoLocking "true";
CONF
  APT_CONFIG=$apt/apt.conf apt-get -qq update
  APT_CONFIG=$apt/apt.conf apt-get -qq --yes --download-only install "$@"
}

wrap() {  # write DIR/SUITE/bin/PROGRAM for each of the programs that were unpacked
  loader=$(find "$root" -name 'ld-linux*.so.*' | head -n 1)
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

#!/bin/sh
# install.sh DIR: have DIR/llama-server run a real llama-server, the one on PATH or Debian's (50 MB).
set -eu
. "$(dirname "$0")/../debian.sh"

[ $# -eq 1 ] || { echo "usage: $0 DIR" >&2; exit 2; }
mkdir -p "$1"
DIR=$(cd "$1" && pwd)
[ ! -x "$DIR/llama-server" ] || exit 0
if program=$(command -v llama-server); then
  ln -s "$program" "$DIR/llama-server"
  exit 0
fi
needs_debian "install llama.cpp by hand and put llama-server on PATH."
unpack_debian forky "$DIR/forky" llama.cpp-tools
libraries=$(find "$root/usr/lib" "$root/lib" -name 'lib*.so*' -exec dirname {} + 2>/dev/null | grep -v backends | sort -u | paste -s -d : -)
# It looks for what suits the processor in the folder that it runs in, too.
cat > "$DIR/llama-server.new" <<RUN
#!/bin/sh
cd '$(dirname "$(find "$root" -name 'libggml-cpu*.so' | head -n 1)")'
exec '$loader' --argv0 '$root/usr/bin/llama-server' --library-path '$libraries' '$root/usr/bin/llama-server' "\$@"
RUN
chmod +x "$DIR/llama-server.new"
mv "$DIR/llama-server.new" "$DIR/llama-server"

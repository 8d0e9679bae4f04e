# Sourced by scripts that unpack programs of Debian into a folder: no root, and nothing else changes.
#
# Programs come with the C library that they were linked with, so it does not matter how old this
# system is. DEBIAN_MIRROR names another mirror than the one that apt is set up with.

needs_debian() {  # needs_debian ADVICE: end where there is no apt, or no mirror
  for tool in apt-get dpkg-deb; do
    command -v "$tool" >/dev/null || { echo "$0 needs $tool: $1" >&2; exit 1; }
  done
  MIRROR=${DEBIAN_MIRROR:-$(apt-get indextargets --format '$(REPO_URI)' 'Component: main' | grep -m 1 'debian/*$' || true)}
  [ -n "$MIRROR" ] || { echo "no Debian mirror in apt's sources: name one as DEBIAN_MIRROR." >&2; exit 1; }
}

unpack_debian() {  # unpack_debian SUITE TOP PACKAGE...: into TOP/root, with all that they depend on
  suite=$1; top=$2; root=$2/root; shift 2
  echo "Unpacking $* of Debian $suite into $top."
  rm -rf "$top"
  download "$suite" "$top/apt" "$@"
  for package in "$top"/apt/archives/*.deb; do
    case ${package##*/} in
      # What compilers, services and the browsing of Emacs' sources need: none of it runs here.
      binutils*|*-dev_*|linux-libc-dev*|systemd_*|emacs-el_*|lib?san*|libhwasan*) ;;
      *) dpkg-deb --extract "$package" "$root" ;;
    esac
  done
  rm -rf "$top/apt"
  loader=$(find "$root" -name 'ld-linux*.so.*' | head -n 1)
}

download() {  # download SUITE APT PACKAGE...: by an apt of its own in the folder APT
  suite=$1; apt=$2; shift 2
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

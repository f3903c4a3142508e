#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# What a newcomer meets, and how long that takes: `make run` or `make test` of this
# checkout's last commit on a fresh Debian with nothing installed but make and git.
#
#     sudo bench/fresh_machine.sh [SUITE] [run|test]
#
# SUITE is a release of Debian by its name, this machine's own when left out. The
# system is made with debootstrap in a temporary folder and deleted after; it takes
# this machine's Debian mirrors, certificates and pip settings. What the run found
# is left in build/fresh/SUITE. With FRESH_CACHE=FOLDER downloads are kept there
# for the next time, which then is faster than a newcomer's.
set -euo pipefail

. /etc/os-release
suite=${1:-$VERSION_CODENAME}
target=${2:-run}

# Debian's repositories among this machine's own, as lines of a sources.list for another release.
sources() {
    apt-get indextargets --format '$(ORIGIN) $(REPO_URI) $(CODENAME) $(COMPONENT)' 'Created-By: Packages' \
        | sed -nE "s/^Debian (\S+) $VERSION_CODENAME(-updates|-security)? main$/deb \1 $suite\2 main/p" | sort -u
}

# Before the system has started: what it takes from this one.
equip() {
    if [ -n "$FRESH_CACHE" ]; then
        mkdir -p "$root/root/.cache/pip"
        mount --bind "$FRESH_CACHE/$suite" "$root/var/cache/apt/archives"
        mount --bind "$FRESH_CACHE/pip" "$root/root/.cache/pip"
    fi
    [ -z "$repositories" ] || echo "$repositories" > "$root/etc/apt/sources.list"
    apt-config dump | grep -E '^Acquire::(https?::|Check-)' > "$root/etc/apt/apt.conf.d/99machine" || true
    local file
    for file in /etc/resolv.conf /etc/hosts /etc/ssl/certs/ca-certificates.crt; do
        [ ! -f "$file" ] || install -D -m 0644 "$(realpath "$file")" "$root$file"
    done
    { echo '[global]'
      echo 'cert = /etc/ssl/certs/ca-certificates.crt'
      python3 -m pip config list 2> /dev/null \
          | sed -nE "s/^(global|user|:env:)\.(index-url|trusted-host|proxy|timeout)='(.*)'$/\2 = \3/p"
    } > "$root/etc/pip.conf"
}

# Process 1 of namespaces of its own. The new root takes the place of the old one, as in a container: in a mere
# chroot the kernel allows no user namespaces, which labs want.
inside() {
    equip
    mount --bind "$root" "$root"
    cd "$root"
    mount -t proc proc proc
    mount -t sysfs sysfs sys
    mount --rbind /dev dev
    mount -t tmpfs tmpfs run
    mount -t tmpfs tmpfs tmp
    mkdir old
    pivot_root . old
    umount -l old
    rmdir old
    env -i HOME=/root LANG=C.UTF-8 PATH=/usr/sbin:/usr/bin:/sbin:/bin make -C /root/checkout "$target"
}

main() {
    case $target in run | test) ;; *) echo "usage: $0 [SUITE] [run|test]" >&2; exit 2 ;; esac
    [ "$(id -u)" = 0 ] || { echo "run this as root" >&2; exit 2; }
    command -v debootstrap > /dev/null || { echo "apt-get install debootstrap" >&2; exit 2; }

    repository=$(cd "$(dirname "$0")/.." && pwd)
    root=$(mktemp -d)
    trap 'rm -rf --one-file-system "$root" "$root.log"' EXIT
    repositories=$(sources)
    FRESH_CACHE=${FRESH_CACHE:+$(mkdir -p "$FRESH_CACHE/$suite" "$FRESH_CACHE/pip" && cd "$FRESH_CACHE" && pwd)}

    echo "making a fresh $suite (this is not counted)"
    mirror=$(echo "$repositories" | sed -nE "s/^deb (\S+) $suite main$/\1/p" | head -n 1)
    script=
    [ -e "/usr/share/debootstrap/scripts/$suite" ] || script=sid
    debootstrap ${FRESH_CACHE:+--cache-dir="$FRESH_CACHE/$suite"} --variant=minbase \
        --include=ca-certificates,make,git "$suite" "$root" ${mirror:-} ${script:+"$script"} > "$root.log" 2>&1 \
        || { tail "$root.log" >&2; exit 3; }
    git clone -q "$repository" "$root/root/checkout"

    SECONDS=0
    status=0
    export -f inside equip
    export FRESH_CACHE suite target root repositories
    unshare --mount --pid --fork --kill-child --propagation private bash -euo pipefail -c inside || status=$?
    echo "make $target on a fresh $suite: $SECONDS s, exit status $status"

    left=$repository/build/fresh/$suite
    rm -rf "$left"
    mkdir -p "$left"
    [ ! -d "$root/root/checkout/results/latest" ] || cp -RL "$root/root/checkout/results/latest/." "$left"
    return "$status"
}

main

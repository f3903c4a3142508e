#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# What a newcomer meets, and how long that takes: `make run` or `make test` of this
# checkout's last commit on a fresh system with nothing installed but make and git.
#
#     sudo bench/fresh_machine.sh [SUITE] [run|test|container]
#
# SUITE is a release of Debian or Ubuntu by its name, this machine's own when left
# out. The system is made with debootstrap in a temporary folder and deleted after;
# it takes this machine's mirrors, certificates and pip settings, and debootstrap's
# mirror where this machine has none of that distribution. What the run found is left
# in build/fresh/SUITE. With FRESH_CACHE=FOLDER downloads are kept there for the next
# time, which then is faster than a newcomer's.
#
# container builds the Containerfile with buildah, where no registry has to be reached:
# the bare system becomes the image that its FROM names. What it then judges is the run.
set -euo pipefail

. /etc/os-release
suite=${1:-$VERSION_CODENAME}
target=${2:-run}
# The packages are in these components; the script of another release makes those that debootstrap does not know.
case $suite in
    noble | resolute) distribution=Ubuntu components='main universe' script=gutsy ;;
    *) distribution=Debian components=main script=sid ;;
esac

# The distribution's repositories among this machine's own, as lines of a sources.list for another release.
sources() {
    apt-get indextargets --format '$(ORIGIN) $(REPO_URI) $(CODENAME) $(COMPONENT)' 'Created-By: Packages' \
        | sed -nE "s/^$distribution (\S+) $VERSION_CODENAME(-updates|-security)? main$/deb \1 $suite\2 $components/p" \
        | sort -u
}

# Before the system has started: what it takes from this one.
equip() {
    local list=$root/etc/apt/sources.list authorities=/etc/ssl/certs/ca-certificates.crt file
    if [ -n "$repositories" ]; then
        echo "$repositories" > "$list"
    else # debootstrap wrote it, and knows of no updates
        sed -i "p; s/ $suite / $suite-updates /" "$list"
    fi
    apt-config dump | grep -E '^Acquire::(https?::|Check-)' > "$root/etc/apt/apt.conf.d/99machine" || true
    for file in /etc/resolv.conf /etc/hosts $authorities; do
        [ ! -f "$file" ] || install -D -m 0644 "$(realpath "$file")" "$root$file"
    done
    # Its own file, which is not written anew when the package ca-certificates is installed.
    cp "$root$authorities" "$root/etc/ssl/machine.crt"
    { echo '[global]'
      echo 'cert = /etc/ssl/machine.crt'
      python3 -m pip config list 2> /dev/null \
          | sed -nE "s/^(global|user|:env:)\.(index-url|trusted-host|proxy|timeout)='(.*)'$/\2 = \3/p"
    } > "$root/etc/pip.conf"
}

# Process 1 of namespaces of its own. The new root takes the place of the old one, as in a container: in a mere
# chroot the kernel allows no user namespaces, which labs want.
inside() {
    if [ -n "$FRESH_CACHE" ]; then
        mkdir -p "$root/root/.cache/pip"
        mount --bind "$FRESH_CACHE/$suite" "$root/var/cache/apt/archives"
        mount --bind "$FRESH_CACHE/pip" "$root/root/.cache/pip"
    fi
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
    cd "$folder"
    env -i HOME=/root LANG=C.UTF-8 PATH=/usr/sbin:/usr/bin:/sbin:/bin $command
}

image() { buildah --root "$work/images" --runroot "$work/state" "$@"; }

# Every line of the Containerfile, with this system for the image that it is from. What comes of it is the system
# then, and what that starts by itself the command.
contain() {
    local container context=$work/context
    local all='{{range .OCIv1.Config.Entrypoint}}{{.}} {{end}}{{range .OCIv1.Config.Cmd}}{{.}} {{end}}'
    mv "$root$folder" "$context"
    container=$(image from scratch)
    image add --quiet "$container" "$root" / > /dev/null
    image commit --quiet --rm "$container" "$(sed -n 's/^FROM //p' "$context/Containerfile")" > /dev/null
    image build --isolation chroot --pull-never --layers=false ${FRESH_CACHE:+-v "$FRESH_CACHE/pip:/root/.cache/pip"} \
        --tag fresh "$context" > "$work/log" 2>&1 || { tail "$work/log" >&2; exit 3; }
    container=$(image from --pull-never fresh)
    root=$(image mount "$container")
    folder=$(image inspect --format '{{.OCIv1.Config.WorkingDir}}' "$container")
    command=$(image inspect --format "$all" "$container")
}

# Without them debootstrap takes another distribution's mirror for its own.
tell_of_keys() {
    local keys=/usr/share/keyrings/${distribution,,}-archive-keyring.gpg
    [ -f "$keys" ] || echo "the keys of $distribution are not here: $keys" >&2
}

clean_up() {
    [ ! -d "$work/images" ] || image rm --all > /dev/null
    rm -rf --one-file-system "$work"
}

main() {
    case $target in run | test | container) ;; *) echo "usage: $0 [SUITE] [run|test|container]" >&2; exit 2 ;; esac
    [ "$(id -u)" = 0 ] || { echo "run this as root" >&2; exit 2; }
    local program
    for program in debootstrap $([ "$target" != container ] || echo buildah); do
        command -v "$program" > /dev/null || { echo "apt-get install $program" >&2; exit 2; }
    done

    repository=$(cd "$(dirname "$0")/.." && pwd)
    work=$(mktemp -d)
    trap clean_up EXIT
    root=$work/root
    folder=/root/checkout
    command="make $target"
    repositories=$(sources)
    FRESH_CACHE=${FRESH_CACHE:+$(mkdir -p "$FRESH_CACHE/$suite" "$FRESH_CACHE/pip" && cd "$FRESH_CACHE" && pwd)}

    echo "making a fresh $suite (this is not counted)"
    mirror=$(echo "$repositories" | sed -nE "s/^deb (\S+) $suite main.*$/\1/p" | head -n 1)
    [ ! -e "/usr/share/debootstrap/scripts/$suite" ] || script=
    debootstrap ${FRESH_CACHE:+--cache-dir="$FRESH_CACHE/$suite"} --variant=minbase --components="${components/ /,}" \
        --include=ca-certificates,make,git "$suite" "$root" "$mirror" ${script:+"$script"} > "$work/log" 2>&1 \
        || { tail "$work/log" >&2; tell_of_keys; exit 3; }
    equip
    git clone -q "$repository" "$root$folder"

    SECONDS=0
    [ "$target" != container ] || contain
    status=0
    export -f inside
    export FRESH_CACHE suite root folder command
    unshare --mount --pid --fork --kill-child --propagation private bash -euo pipefail -c inside || status=$?
    echo "$command on a fresh $suite: $SECONDS s, exit status $status"

    left=$repository/build/fresh/$suite
    rm -rf "$left"
    mkdir -p "$left"
    [ ! -d "$root$folder/results/latest" ] || cp -RL "$root$folder/results/latest/." "$left"
    return "$status"
}

main

#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# How long a newcomer waits: `make run` of this checkout's last commit on a fresh
# Debian 12 with nothing installed but make and git.
#
#     sudo bench/fresh_machine.sh
#
# The system is made with debootstrap in a temporary folder and deleted after. It
# takes this machine's package sources, certificates and pip settings.
set -euo pipefail

[ "$(id -u)" = 0 ] || { echo "run this as root" >&2; exit 2; }
command -v debootstrap > /dev/null || { echo "apt-get install debootstrap" >&2; exit 2; }

if [ "${1:-}" != inside ]; then
    # What is mounted below is mounted in a namespace of its own, so nothing stays.
    exec unshare --mount --propagation private "$0" inside
fi

repository=$(cd "$(dirname "$0")/.." && pwd)
root=$(mktemp -d)
trap 'umount -R "$root"; rm -rf --one-file-system "$root"' EXIT
mount --bind "$root" "$root"

echo "making a fresh system (this is not counted)"
debootstrap --variant=minbase --include=ca-certificates,make,git bookworm "$root" > "$root.log" 2>&1 \
    || { tail "$root.log" >&2; exit 3; }
rm "$root.log"
cp -rL /etc/apt/sources.list /etc/apt/sources.list.d /etc/resolv.conf /etc/hosts "$root/etc/apt/" 2> /dev/null || true
mv "$root/etc/apt/resolv.conf" "$root/etc/apt/hosts" "$root/etc/" 2> /dev/null || true
for file in /etc/pip.conf /etc/ssl/certs/ca-certificates.crt; do
    [ ! -f "$file" ] || install -D -m 0644 "$file" "$root$file"
done
mount -t proc proc "$root/proc"
mount -t sysfs sysfs "$root/sys"
mount --rbind /dev "$root/dev"
mount -t tmpfs tmpfs "$root/tmp"
git clone -q "$repository" "$root/root/checkout"

SECONDS=0
chroot "$root" env -i HOME=/root PATH=/usr/sbin:/usr/bin:/sbin:/bin \
    PIP_CERT=/etc/ssl/certs/ca-certificates.crt make -C /root/checkout run
echo "make run on a fresh system: $SECONDS s"

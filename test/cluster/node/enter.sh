#!/bin/bash
# Process 1 of a node's namespaces: hides the host's folders and settings, makes the network, runs the agent and ends with it.
# usage: enter.sh FOLDER VISIBLE... -- AGENT...
set -euo pipefail

folder=$1
shift

# What must stay visible is opened before anything is laid over the folder that it is in.
visible=() opened=()
while [ "$1" != -- ]; do
  exec {fd}<"$1"
  visible+=("$1") opened+=("$fd")
  shift
done
shift

# These programs write where they please: what they write here is gone with the namespace.
for covered in /run /var/lib /var/log; do
  mount -t tmpfs -o mode=755 casemate "$covered"
done
for i in "${!visible[@]}"; do
  case "${visible[i]}/" in
  /run/* | /var/lib/* | /var/log/*)
    mkdir -p "${visible[i]}"
    mount --no-canonicalize --bind "/proc/$$/fd/${opened[i]}" "${visible[i]}"
    ;;
  esac
  exec {opened[i]}<&-
done
mkdir -p "$folder/kubelet" "$folder/containerd/run" "$folder/sysctl" /var/lib/kubelet /run/containerd
mount --bind "$folder/kubelet" /var/lib/kubelet
mount --bind "$folder/containerd/run" /run/containerd

# The kubelet sets these for the whole machine; it is content with files that hold the values already.
while read -r setting value; do
  shadow=$folder/sysctl/${setting//\//_}
  echo "$value" >"$shadow"
  mount --bind "$shadow" "/proc/sys/$setting"
done <<SETTINGS
vm/overcommit_memory 1
vm/panic_on_oom 0
kernel/panic 10
kernel/panic_on_oops 1
kernel/keys/root_maxkeys 1000000
kernel/keys/root_maxbytes 25000000
SETTINGS

hostname node1
echo nameserver 10.96.0.10 >"$folder/resolv.conf"
if [ -e /etc/resolv.conf ]; then mount --bind "$folder/resolv.conf" /etc/resolv.conf; fi
ip link set lo up
ip link add cni0 type bridge
ip address add 10.77.0.1/24 dev cni0
ip link set cni0 up
ip route add default via 10.77.0.1 dev cni0
echo 1 >/proc/sys/net/ipv4/ip_forward

# Pods that hand mounts to each other need a tree whose mounts are shared; the host's own was left before.
mount --make-rshared /

# Bash as process 1 takes in what its descendants leave behind.
"$@" &
wait $!

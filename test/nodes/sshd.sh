# Runs sshd with users, settings and sudo of its own, in mounts that only it and its sessions see: the machine keeps its own /etc.
# FIXTURE: unpacked packages. FOLDER: host key, authorized_keys, sshd_config. What is mounted ends with the last process.
set -eu
mount -t tmpfs tmpfs /run
mkdir -p /run/sshd /run/etc /run/fixture /run/busybox /run/home
cp -a /etc/. /run/etc
mount --bind /run/etc /etc
mount --bind "$FIXTURE" /run/fixture
mount -t tmpfs tmpfs /usr/libexec
cp -a "$FIXTURE/usr/libexec/sudo" /usr/libexec/
for applet in $("$FIXTURE/bin/busybox" --list); do ln -s /run/fixture/bin/busybox "/run/busybox/$applet"; done
cat >>/etc/passwd <<END
sshd:x:64000:64000::/run/sshd:/usr/sbin/nologin
operator:x:64001:64001::/run/home:/bin/sh
guest:x:64002:64002::/run/home:/bin/sh
busy:x:0:0::/run/home:/run/busybox/sh
talkative:x:0:0::/run/home:/run/etc/talkative
END
cat >>/etc/group <<END
sshd:x:64000:
operator:x:64001:
guest:x:64002:
END
for user in sshd operator guest busy talkative; do echo "$user:*:19000:0:99999:7:::" >>/etc/shadow; done
mkdir -p /etc/pam.d /etc/sudoers.d
printf 'Defaults env_reset\nDefaults !requiretty\noperator ALL=(ALL) NOPASSWD: ALL\nguest ALL=(ALL) ALL\n' >/etc/sudoers
chmod 0440 /etc/sudoers
printf 'auth required pam_permit.so\naccount required pam_permit.so\nsession required pam_permit.so\n' >/etc/pam.d/sudo
printf '#!/bin/sh\necho Welcome. Today is a good day.\nexec /bin/sh "$@"\n' >/run/etc/talkative
chmod 0755 /run/etc/talkative
if [ "${SELINUX:-}" = 1 ]; then
  mount -t tmpfs tmpfs /sys/fs
  mkdir /sys/fs/selinux
  echo 1 >/sys/fs/selinux/enforce
fi
export LD_LIBRARY_PATH="/run/fixture/usr/lib/$(uname -m)-linux-gnu:/run/fixture/lib/$(uname -m)-linux-gnu"
exec /run/fixture/usr/sbin/sshd -D -e -f "$FOLDER/sshd_config"

#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# A pool spread over the tasks of a Slurm job array, with examples/slurm/sign-pool: the same bytes as on one machine, also
# where tasks are killed. Slurm, its controller and one node, runs in a scratch root, in namespaces of its own: what is
# started in there ends with them.

load helpers
load pool

setup_file()
{
	require root mmdebstrap dpkg-buildpackage unshare busybox
	export keys=$BATS_FILE_TMPDIR/keys pool=$BATS_FILE_TMPDIR/pool whole=$BATS_FILE_TMPDIR/whole
	export system=$BATS_FILE_TMPDIR/system
	make_keys "$keys"
	make_pool "$pool"
	sign --out "$whole" "$pool" >"$BATS_FILE_TMPDIR/log"
	"$support/base-root" "$system" slurmctld slurmd slurm-client munge
	mkdir -p "$system"/srv/{keys,logs} "$system/var/log/slurm" "$system/etc/slurm"
	cp "$("$support/build-packages")"/pkgima_*.deb "$system/root"
	in_root "$system" sh -c 'dpkg -i /root/pkgima_*.deb'
	cp -r "$pool" "$system/srv/pool"
	cp "$keys"/ima.{key,pem} "$system/srv/keys"
	cp "$TOP/examples/slurm/sign-pool" "$system/srv/sign-pool"
	configure
}

# One node with two processors; nothing that wants cgroups.
configure()
{
	cat >"$system/etc/slurm/slurm.conf" <<-'END'
		ClusterName=test
		SlurmctldHost=node
		SlurmUser=root
		AuthType=auth/munge
		StateSaveLocation=/var/lib/slurm/controller
		SlurmdSpoolDir=/var/lib/slurm/node
		SlurmctldPidFile=/run/slurmctld.pid
		SlurmdPidFile=/run/slurmd.pid
		SlurmctldLogFile=/var/log/slurm/controller.log
		SlurmdLogFile=/var/log/slurm/node.log
		ProctrackType=proctrack/linuxproc
		TaskPlugin=task/none
		MpiDefault=none
		JobAcctGatherType=jobacct_gather/none
		SelectType=select/cons_tres
		SelectTypeParameters=CR_CPU
		SlurmdParameters=config_overrides
		ReturnToService=2
		NodeName=node CPUs=2
		PartitionName=all Nodes=node Default=YES State=UP
	END
	echo CgroupPlugin=cgroup/v1 >"$system/etc/slurm/cgroup.conf"
	cat >"$system/root/start" <<-'END'
		set -e
		# An address that is not the loopback's, else names are not looked up.
		echo 10.0.0.1 node >/etc/hosts
		mkdir -p /run/munge /var/log/munge /var/lib/slurm/controller /var/lib/slurm/node
		head -c 1024 /dev/urandom >/etc/munge/munge.key
		chmod 400 /etc/munge/munge.key
		chown munge: /run/munge /var/log/munge /etc/munge/munge.key
		chmod 755 /run/munge
		setpriv --reuid munge --regid munge --clear-groups munged
		slurmctld
		slurmd
		for _ in $(seq 600); do
			[ "$(sinfo -h -o %t 2>/dev/null)" != idle ] || break
			sleep 0.1
		done
		[ "$(sinfo -h -o %t)" = idle ]
	END
	# Until no job is left. Slurm lets a job that was queued again wait for some minutes; here it need not.
	cat >"$system/root/finish" <<-'END'
		for _ in $(seq 600); do
			[ -n "$(squeue -h)" ] || exit 0
			for job in $(squeue -h -r -t PENDING -o %i); do
				scontrol update "JobId=$job" StartTime=now 2>/dev/null || :
			done
			sleep 0.2
		done
		squeue
		exit 1
	END
	export PKGIMA_KEY=/srv/keys/ima.key PKGIMA_CERT=/srv/keys/ima.pem
}

# in_cluster SCRIPT: with Slurm running. It is killed, with all that it started, after three minutes at the latest.
in_cluster()
{
	# shellcheck disable=SC2016 # the inner shell's
	env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C PKGIMA_KEY=/srv/keys/ima.key PKGIMA_CERT=/srv/keys/ima.pem \
		timeout -s KILL 180 unshare --mount --pid --net --uts --fork --kill-child sh -c '
			busybox ip link set lo up
			busybox ip addr add 10.0.0.1/32 dev lo
			busybox hostname node
			mount -t proc proc "$0/proc"
			mount -t sysfs -o ro sysfs "$0/sys"
			exec chroot "$0" sh -ec ". /root/start; cd /srv/logs; $1"' "$system" "$1" || {
		tail -n 20 "$system"/var/log/slurm/*.log "$system"/srv/logs/* >&2
		return 1
	}
}

setup()
{
	rm -rf "$system"/srv/{signed,logs,died} "$system"/usr/local/bin/pkgima "$system"/var/lib/slurm/{controller,node}
	mkdir "$system/srv/logs" "$system/srv/died"
	total=$(count_packages "$pool")
}

# What all tasks printed.
logs()
{
	cat "$system"/srv/logs/slurm-*.out
}

@test "four shards: together all packages, none twice, the same bytes as on one machine" {
	in_cluster 'sbatch --array=0-3 /srv/sign-pool 4 /srv/pool /srv/signed; sh /root/finish; scontrol show job >jobs'
	diff -r "$whole" "$system/srv/signed"
	[ "$(logs | grep -c ': signed, ')" -eq "$total" ]
	run ! grep -q 'signed already' <(logs)
	for shard in 0 1 2 3; do
		[ "$(grep -c ': signed, ' "$system"/srv/logs/slurm-*_$shard.out)" -gt $((total / 8)) ]
	done
	[ "$(grep -c 'JobState=COMPLETED' "$system/srv/logs/jobs")" -eq 4 ]
}

@test "a task that is killed is queued again, one whose script died is submitted again: the same bytes" {
	# Once per shard, after some packages: pkgima of shard 1; that of shard 2 with the script that called it, as on a
	# node that fails.
	cat >"$system/usr/local/bin/pkgima" <<-'END'
		#!/bin/sh
		case $SLURM_ARRAY_TASK_ID in
		1 | 2)
			if mkdir "/srv/died/$SLURM_ARRAY_TASK_ID" 2>/dev/null; then
				head -n 20 | /usr/bin/pkgima "$@"
				[ "$SLURM_ARRAY_TASK_ID" = 1 ] || kill -KILL "$PPID"
				kill -KILL $$
			fi
			;;
		esac
		exec /usr/bin/pkgima "$@"
	END
	chmod +x "$system/usr/local/bin/pkgima"
	# shellcheck disable=SC2016 # the inner shell's
	in_cluster 'export PATH=/usr/local/bin:$PATH
		sbatch --array=0-3 /srv/sign-pool 4 /srv/pool /srv/signed
		sh /root/finish
		find /srv/signed -name "*.deb" | wc -l >between
		scontrol show job >jobs
		sbatch --array=2 /srv/sign-pool 4 /srv/pool /srv/signed
		sh /root/finish'
	[ -d "$system/srv/died/1" ] && [ -d "$system/srv/died/2" ]
	# Shard 1 was completed without anybody's help, of shard 2 only those twenty were there.
	[ "$(grep -c 'JobState=COMPLETED' "$system/srv/logs/jobs")" -eq 3 ]
	grep -q 'Restarts=1' "$system/srv/logs/jobs"
	[ "$(cat "$system/srv/logs/between")" -lt "$total" ]
	[ "$(cat "$system/srv/logs/between")" -gt $((total / 2)) ]
	# Each package was signed once all the same.
	[ "$(logs | grep -c ': signed, ')" -eq "$total" ]
	[ "$(logs | grep -c ': signed already$')" -eq 40 ]
	diff -r "$whole" "$system/srv/signed"
	no_leftovers "$system/srv/signed"
}

@test "a broken package: its shard is tried again three times, and says so; all others are there" {
	cp "$pool"/main/a/aha/*.deb "$BATS_TEST_TMPDIR"
	head -c 3000 "$BATS_TEST_TMPDIR"/*.deb >"$system"/srv/pool/main/a/aha/cut.deb
	in_cluster 'sbatch --array=0-1 /srv/sign-pool 2 /srv/pool /srv/signed; sh /root/finish; scontrol show job >jobs'
	rm "$system/srv/pool/main/a/aha/cut.deb"
	diff -r "$whole" "$system/srv/signed"
	[ "$(grep -c 'JobState=COMPLETED' "$system/srv/logs/jobs")" -eq 1 ]
	grep -A 20 'JobState=FAILED' "$system/srv/logs/jobs" | grep -q 'Restarts=3'
	grep -q 'ExitCode=3:0' "$system/srv/logs/jobs"
	[ "$(logs | grep -c 'pkgima sign: ./main/a/aha/cut.deb: ')" -eq 4 ]
}

#!/bin/bash
# Runs a command beside a SLURM of this machine alone, which ends with the command:
#   scripts/try_slurm.sh python -m hw4 -m task=pose model=sfm,dust3r hydra/launcher=slurm ...
# Needs Debian's slurmctld, slurmd, slurm-client and munge, and nothing of /etc or systemd. Its files, logs
# among them, lie in $TRY_SLURM, by default a folder that goes with it. CPUS: of the node; default: all.
set -euo pipefail
PATH=$PATH:/usr/sbin
for program in munged slurmctld slurmd sbatch; do
	command -v "$program" >/dev/null || {
		echo "try_slurm.sh: $program is not here: apt-get install slurmctld slurmd slurm-client munge" >&2
		exit 1
	}
done
[ $# -gt 0 ] || { sed -n '2,6s/^# *//p' "$0" >&2; exit 1; }

folder=$(realpath -m "${TRY_SLURM:-$(mktemp -d /tmp/try_slurm.XXXXXX)}")
# munged accepts a socket that everybody reaches, and only below folders that nobody else writes to.
mkdir -p "$folder"/{state,spool,logs} && chmod 755 "$folder"
(umask 077; head -c 128 /dev/urandom >"$folder/munge.key")

free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("", 0)); print(s.getsockname()[1])'; }
host=$(hostname -s)
cat >"$folder/slurm.conf" <<CONF
ClusterName=try
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=$(free_port)
SlurmdPort=$(free_port)
SlurmUser=$(id -un)
SlurmdUser=$(id -un)
AuthType=auth/munge
AuthInfo=socket=$folder/munge.socket
CredType=cred/munge
StateSaveLocation=$folder/state
SlurmdSpoolDir=$folder/spool
SlurmctldPidFile=$folder/slurmctld.pid
SlurmdPidFile=$folder/slurmd.pid
SlurmctldLogFile=$folder/logs/slurmctld
SlurmdLogFile=$folder/logs/slurmd
# What needs no cgroups.
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
# Jobs of the partition high take the place of those of low, which are queued again.
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
KillWait=5
SchedulerParameters=bf_interval=5
ReturnToService=2
MpiDefault=none
NodeName=$host NodeAddr=127.0.0.1 CPUs=${CPUS:-$(env -u OMP_NUM_THREADS nproc)} State=UNKNOWN
PartitionName=low Nodes=$host Default=YES MaxTime=INFINITE State=UP PriorityTier=1
PartitionName=high Nodes=$host MaxTime=INFINITE State=UP PriorityTier=10
CONF
export SLURM_CONF=$folder/slurm.conf

daemons=()
end() {
	scancel --user="$(id -un)" --quiet 2>/dev/null || true
	for daemon in "${daemons[@]}"; do kill "$daemon" 2>/dev/null || true; done
	wait || true
	[ -n "${TRY_SLURM:-}" ] || rm -rf "$folder"
}
trap end EXIT
munged --foreground --key-file="$folder/munge.key" --socket="$folder/munge.socket" \
	--pid-file="$folder/munge.pid" --seed-file="$folder/munge.seed" >"$folder/logs/munged" 2>&1 &
daemons+=($!)
for _ in {1..50}; do [ -S "$folder/munge.socket" ] && break; sleep 0.1; done
slurmctld -D -i >/dev/null 2>&1 & daemons+=($!)
slurmd -D >/dev/null 2>&1 & daemons+=($!)
for _ in {1..300}; do [[ $(sinfo -h -o %t 2>/dev/null) == idle* ]] && break; sleep 0.2; done
[[ $(sinfo -h -o %t) == idle* ]] || {
	echo "try_slurm.sh: the node is not up; see $folder/logs with TRY_SLURM=<folder>" >&2
	exit 1
}
"$@"

package main

import (
	"strings"
	"testing"
)

func TestFindShard(t *testing.T) {
	slurm := func(id, count, first, last string) map[string]string {
		return map[string]string{"SLURM_ARRAY_TASK_ID": id, "SLURM_ARRAY_TASK_COUNT": count, "SLURM_ARRAY_TASK_MIN": first, "SLURM_ARRAY_TASK_MAX": last}
	}
	for _, c := range []struct {
		name   string
		flag   string
		shards int
		env    map[string]string
		want   shard
		err    string
	}{
		{name: "nothing", want: shard{0, 1, ""}},
		{name: "one shard", shards: 1, want: shard{0, 1, ""}},
		{name: "flag", flag: "2/7", want: shard{2, 7, "--shard"}},
		{name: "flag before environment", flag: "0/1", env: map[string]string{"RANK": "3", "WORLD_SIZE": "4"}, want: shard{0, 1, "--shard"}},
		{name: "flag out of range", flag: "7/7", err: "want i/n with 0 <= i < n"},
		{name: "flags that disagree", flag: "2/7", shards: 6, err: "disagree"},
		{name: "Kubernetes, count from the job", env: map[string]string{"JOB_COMPLETION_INDEX": "4", "JOB_COMPLETIONS": "5"}, want: shard{4, 5, "JOB_COMPLETION_INDEX"}},
		{name: "Kubernetes, count from the flag", shards: 5, env: map[string]string{"JOB_COMPLETION_INDEX": "0"}, want: shard{0, 5, "JOB_COMPLETION_INDEX"}},
		{name: "Kubernetes, no count", env: map[string]string{"JOB_COMPLETION_INDEX": "0"}, err: "JOB_COMPLETIONS is not set"},
		{name: "Slurm", env: slurm("3", "7", "0", "6"), want: shard{3, 7, "SLURM_ARRAY_TASK_ID"}},
		{name: "Slurm from 1", env: slurm("3", "7", "1", "7"), err: "number it 0-6"},
		{name: "Slurm, two tasks again", env: slurm("3", "2", "3", "5"), err: "want 0 to 1"},
		{name: "Slurm, two tasks again, count from the flag", shards: 7, env: slurm("3", "2", "3", "5"), want: shard{3, 7, "SLURM_ARRAY_TASK_ID"}},
		{name: "Slurm, the first tasks again", env: slurm("0", "2", "0", "3"), err: "number it 0-1"},
		{name: "Open MPI", env: map[string]string{"OMPI_COMM_WORLD_RANK": "1", "OMPI_COMM_WORLD_SIZE": "2"}, want: shard{1, 2, "OMPI_COMM_WORLD_RANK"}},
		{name: "launcher", env: map[string]string{"RANK": "1", "WORLD_SIZE": "2"}, want: shard{1, 2, "RANK"}},
		{name: "the array before the ranks", env: map[string]string{
			"JOB_COMPLETION_INDEX": "1", "JOB_COMPLETIONS": "3", "OMPI_COMM_WORLD_RANK": "0", "OMPI_COMM_WORLD_SIZE": "1", "RANK": "5", "WORLD_SIZE": "9",
		}, want: shard{1, 3, "JOB_COMPLETION_INDEX"}},
		{name: "not a number", env: map[string]string{"RANK": "first", "WORLD_SIZE": "2"}, err: `RANK="first" is not a number`},
		{name: "out of range", env: map[string]string{"RANK": "2", "WORLD_SIZE": "2"}, err: "RANK=2: want 0 to 1"},
		{name: "count without number", shards: 3, err: "which part is this"},
		{name: "too many", shards: 1 << 20, err: "--shards 1048576: want 1 to 65536"},
	} {
		got, err := findShard(c.flag, c.shards, func(name string) string { return c.env[name] })
		if c.err != "" {
			if err == nil || !strings.Contains(err.Error(), c.err) {
				t.Errorf("%s: error %v, want one with %q", c.name, err, c.err)
			}
			continue
		}
		if err != nil || got != c.want {
			t.Errorf("%s: %+v, %v; want %+v", c.name, got, err, c.want)
		}
	}
	if got := (shard{3, 12, ""}).path("out/{shard}.replay"); got != "out/03-of-12.replay" {
		t.Errorf("path %s", got)
	}
}

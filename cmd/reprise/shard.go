package main

import (
	"fmt"
	"strconv"
	"strings"
)

// shard is the part of a recording that this process makes: number i, from 0, of n.
type shard struct {
	i, n   int
	source string // the flag or variable that chose it; "" for the whole
}

// shardVariables are the environment variables that number the processes of a job, in the order in which they are tried.
// A number without a count is an error unless --shards gives the count, because otherwise every process would record
// everything.
var shardVariables = []struct {
	index, count string
	system       string
}{
	{"JOB_COMPLETION_INDEX", "JOB_COMPLETIONS", "a Kubernetes Indexed Job"},
	{"SLURM_ARRAY_TASK_ID", "SLURM_ARRAY_TASK_COUNT", "a Slurm array"},
	{"OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE", "Open MPI"},
	{"RANK", "WORLD_SIZE", "a distributed launcher"},
}

// findShard decides which part to record: --shard, else the environment. --shards overrides the count of the environment.
func findShard(flag string, shards int, getenv func(string) string) (shard, error) {
	if shards < 0 || shards > 1<<16 {
		return shard{}, fmt.Errorf("record: --shards %d: want 1 to %d", shards, 1<<16)
	}
	if flag != "" {
		i, n, err := parseShard(flag)
		if err == nil && shards > 0 && shards != n {
			err = fmt.Errorf("record: --shard %s and --shards %d disagree; one of them is enough", flag, shards)
		}
		return shard{i, n, "--shard"}, err
	}
	for _, v := range shardVariables {
		index := getenv(v.index)
		if index == "" {
			continue
		}
		s, err := envShard(v.index, index, v.count, getenv(v.count), shards)
		if err != nil {
			return shard{}, fmt.Errorf("record: %w (%s sets these variables; --shard 0/1 ignores them and records everything)", err, v.system)
		}
		if v.index == "SLURM_ARRAY_TASK_ID" && shards == 0 {
			// With an array like 3,5 or 1-7 the task numbers are not the numbers of the parts.
			if first, last := getenv("SLURM_ARRAY_TASK_MIN"), getenv("SLURM_ARRAY_TASK_MAX"); first != "0" || last != strconv.Itoa(s.n-1) {
				return shard{}, fmt.Errorf("record: the Slurm array runs from %q to %q with %d tasks; number it 0-%d, or give the number of parts with --shards", first, last, s.n, s.n-1)
			}
		}
		return s, nil
	}
	if shards > 1 {
		var names []string
		for _, v := range shardVariables {
			names = append(names, v.index)
		}
		return shard{}, fmt.Errorf("record: --shards %d: which part is this? None of %s is set; give --shard I/%d", shards, strings.Join(names, ", "), shards)
	}
	return shard{0, 1, ""}, nil
}

func envShard(indexName, index, countName, count string, shards int) (shard, error) {
	s := shard{n: shards, source: indexName}
	var err error
	if s.i, err = strconv.Atoi(index); err != nil {
		return s, fmt.Errorf("%s=%q is not a number", indexName, index)
	}
	if s.n == 0 {
		if count == "" {
			return s, fmt.Errorf("%s=%d, but %s is not set: give the number of parts with --shards", indexName, s.i, countName)
		}
		if s.n, err = strconv.Atoi(count); err != nil || s.n < 1 || s.n > 1<<16 {
			return s, fmt.Errorf("%s=%q: want a number from 1 to %d", countName, count, 1<<16)
		}
	}
	if s.i < 0 || s.i >= s.n {
		return s, fmt.Errorf("%s=%d: want 0 to %d, as there are %d parts", indexName, s.i, s.n-1, s.n)
	}
	return s, nil
}

func parseShard(s string) (i, n int, err error) {
	if k, scanErr := fmt.Sscanf(s, "%d/%d", &i, &n); scanErr != nil || k != 2 || n < 1 || n > 1<<16 || i < 0 || i >= n || fmt.Sprintf("%d/%d", i, n) != s {
		return 0, 0, fmt.Errorf("record: --shard %q: want i/n with 0 <= i < n", s)
	}
	return i, n, nil
}

// path puts the shard into a file name: {shard} becomes 03-of-12, for example, with enough digits for names to sort.
func (s shard) path(name string) string {
	width := len(strconv.Itoa(s.n))
	return strings.ReplaceAll(name, "{shard}", fmt.Sprintf("%0*d-of-%d", width, s.i, s.n))
}

// Package bench measures the engine on the machine that it runs on, for reprise bench. Things that are compared are measured
// in one run, in turns, and reported as a ratio of medians. Weights are random, because no time depends on their values
// unless a comment says otherwise.
package bench

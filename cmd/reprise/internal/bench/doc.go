// Package bench measures the engine on the machine that it runs on: what reprise bench prints. Everything that is compared is
// measured in one run, in turns, and given as a ratio of medians; weights are random, because no time depends on their values
// unless said otherwise.
package bench

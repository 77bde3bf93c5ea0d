package asm

import (
	"fmt"
	"os"
	"slices"
	"strings"
)

// Tier is a family of kernels. All tiers return the same bits.
type Tier int

// The tiers. NEON exists on arm64 only, AVX2 and AVX512 on amd64 only.
const (
	Generic Tier = iota
	NEON
	AVX2
	AVX512
)

// String returns the name that REPRISE_TIER takes.
func (t Tier) String() string {
	switch t {
	case Generic:
		return "generic"
	case NEON:
		return "neon"
	case AVX2:
		return "avx2"
	case AVX512:
		return "avx512"
	}
	return fmt.Sprintf("tier(%d)", int(t))
}

var (
	active    Tier
	available = hostTiers() // ascending, Generic first
	tierErr   error
)

func init() {
	t, err := chooseTier(os.Getenv("REPRISE_TIER"), available)
	tierErr = err
	setTier(t)
}

// chooseTier returns the highest tier of the host, or the one that name asks
// for. If the host cannot run that one, the error says so and the choice is the
// highest one that it can.
func chooseTier(name string, host []Tier) (Tier, error) {
	best := host[len(host)-1]
	if name == "" {
		return best, nil
	}
	var names []string
	for _, t := range host {
		if strings.EqualFold(name, t.String()) {
			return t, nil
		}
		names = append(names, t.String())
	}
	return best, fmt.Errorf("asm: REPRISE_TIER=%q: this program on this processor offers %s; unset the variable or choose one of these",
		name, strings.Join(names, ", "))
}

func setTier(t Tier) {
	active = t
	setSwitches(t)
}

// Active returns the tier in use.
func Active() Tier { return active }

// Available returns the tiers that this program can run on this host, lowest
// (Generic) first.
func Available() []Tier { return slices.Clone(available) }

// Err returns the error of a REPRISE_TIER that could not be honoured, else nil.
func Err() error { return tierErr }

// Force makes t the active tier until restore is called. It is for tests and
// benchmarks, must not be called while kernels run, and panics if t is not
// available.
func Force(t Tier) (restore func()) {
	if !slices.Contains(available, t) {
		panic(fmt.Sprintf("asm: Force(%v): available are %v", t, available))
	}
	old := active
	setTier(t)
	return func() { setTier(old) }
}

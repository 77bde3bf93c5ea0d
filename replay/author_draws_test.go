package replay

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"reprise/asm"
	"reprise/data"
	"reprise/loss"
	"reprise/model"
	"reprise/tensor"
)

// TestAuthorDrawsFromTheModel: 200,025 tokens that a model wrote come from its own distribution, and a quarter of that finds out ways of
// drawing that are only a little wrong. All tests are of the conditional probabilities that a pass over the finished packs gives.
func TestAuthorDrawsFromTheModel(t *testing.T) {
	cfg, err := model.ParseConfig([]byte(`{"model_type":"llama","vocab_size":1100,"hidden_size":8,"intermediate_size":8,
		"num_hidden_layers":1,"num_attention_heads":1,"max_position_embeddings":64,"tie_word_embeddings":false,"initializer_range":0.9}`))
	if err != nil {
		t.Fatal(err)
	}
	m := model.New(cfg)
	m.Init(5)
	pool := tensor.NewPool(2)
	t.Cleanup(pool.Close)
	const length, all, some = 64, 3175, 800 // packs that have 200,025 draws, and a quarter of that
	for _, c := range []struct {
		name   string
		draw   func(a *Author) func(d *loss.Draw, z []float32, pack, position int) (int32, bool)
		number int
		wrong  bool
	}{
		{name: "as it is", number: all},
		{name: "temperature 0.97", number: some, wrong: true, draw: func(a *Author) func(*loss.Draw, []float32, int, int) (int32, bool) {
			return func(d *loss.Draw, z []float32, pack, position int) (int32, bool) {
				sharp := make([]float32, len(z))
				asm.Scale(sharp, 1/0.97, z)
				return d.ID(sharp, a.stream("rehearse", pack, position).Float64())
			}
		}},
		{name: "top-p 0.99", number: some, wrong: true, draw: func(a *Author) func(*loss.Draw, []float32, int, int) (int32, bool) {
			return func(d *loss.Draw, z []float32, pack, position int) (int32, bool) {
				return d.ID(nucleus(z, 0.99), a.stream("rehearse", pack, position).Float64())
			}
		}},
		{name: "packs that share a stream", number: some, wrong: true, draw: func(a *Author) func(*loss.Draw, []float32, int, int) (int32, bool) {
			return func(d *loss.Draw, z []float32, pack, position int) (int32, bool) {
				return d.ID(z, a.stream("rehearse", 0, position).Float64())
			}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := &Author{Model: m, Pool: pool, MaxSeqLen: length, Width: 64,
				Rehearsal: Rehearsal{Start: Start{ID: 2}, Rule: Rule{Tau: 0.5, KMin: 1, KMax: 4}, Seed: 1}}
			if c.draw != nil {
				a.draw = c.draw(a)
			}
			s := newSurvey(m, pool)
			for group := range slices.Chunk(packs(t, a, 0, c.number), 32) {
				s.add(group)
			}
			if n := len(s.transforms); n != c.number*(length-1) {
				t.Fatalf("%d draws in %d packs", n, c.number)
			}
			found := s.verdict()
			if c.wrong && len(found) == 0 {
				t.Error("the tests did not find it out")
			}
			if !c.wrong && len(found) > 0 {
				t.Error(found)
			}
			t.Log(found)
		})
	}
}

// nucleus are logits without those beyond a prefix of mass p; weights that differ by less than a sixteenth may count as equal.
func nucleus(z []float32, p float64) []float32 {
	const leading = 13 // sign, exponent and four bits of the mantissa
	w := make([]float32, len(z))
	total := float64(asm.ExpSum(w, z, asm.Max(z), 0))
	var masses [1 << leading]float64
	for _, v := range w {
		masses[math.Float32bits(v)>>(32-leading)] += float64(v)
	}
	mass, least := 0.0, float32(0)
	for i := len(masses) - 1; i >= 0 && mass < p*total; i-- {
		mass += masses[i]
		least = math.Float32frombits(uint32(i) << (32 - leading))
	}
	kept := slices.Clone(z)
	for i, v := range w {
		if v < least {
			kept[i] = negInf
		}
	}
	return kept
}

// groups is the number of sets of ids whose frequencies are compared.
const groups = 16

// survey collects what tests of draws need.
type survey struct {
	pass  *model.Pass
	tiles loss.Tiles
	z     *tensor.Matrix // [loss.Block, V]
	rng   *tensor.RNG

	transforms            []float64 // randomised probability transforms
	surprise, entropy, vr float64   // Σ −log p(y), Σ H, Σ variance of −log p
	seen, expected        [groups]float64
	cov                   [groups][groups]float64
}

func newSurvey(m *model.Model, pool *tensor.Pool) *survey {
	return &survey{pass: model.NewPass(m, pool, false), z: tensor.NewMatrix(loss.Block, m.Config.VocabSize), rng: tensor.NewRNG(1, "transforms", 0)}
}

func (s *survey) Visit(_, position, first int, z []float32) { copy(s.z.Row(position)[first:], z) }

// add adds packs.
func (s *survey) add(seqs []data.Sequence) {
	var b model.Batch
	var targets loss.Targets
	for i := range seqs {
		targets.Append(seqs[i].IDs, seqs[i].Target, int32(len(b.IDs)))
		b.Append(seqs[i].IDs, seqs[i].DocStarts)
	}
	h := s.pass.Forward(b)
	for lo, hi := range loss.Blocks(len(targets.Rows)) {
		s.tiles.Run(s.pass.Pool, s.pass.Model.Head(), h, targets.Rows[lo:hi], s)
		for i := lo; i < hi; i++ {
			s.draw(s.z.Row(i-lo), targets.Gold[i])
		}
	}
}

// draw adds one draw, y, from logits.
func (s *survey) draw(z []float32, y int32) {
	lse := loss.LogSumExp(z, make([]float32, loss.Tile)).Log()
	w := make([]float32, len(z))
	for i, x := range z {
		w[i] = float32(float64(x) - lse)
	}
	logs := slices.Clone(w)
	asm.Exp(w, w)
	var below, total, h, square float64
	var p [groups]float64
	for i, v := range w {
		q := float64(v)
		if i < int(y) {
			below += q
		}
		total += q
		l := float64(logs[i])
		h -= q * l
		square += q * l * l
		p[i%groups] += q
	}
	s.transforms = append(s.transforms, (below+s.rng.Float64()*float64(w[y]))/total)
	s.surprise -= float64(logs[y])
	s.entropy += h
	s.vr += square - h*h
	s.seen[y%groups]++
	for i := range groups {
		s.expected[i] += p[i]
		s.cov[i][i] += p[i]
		for k := range groups {
			s.cov[i][k] -= p[i] * p[k]
		}
	}
}

// verdict lists the tests that fail, each at a probability of 0.001.
func (s *survey) verdict() (failed []string) {
	n := len(s.transforms)
	slices.Sort(s.transforms)
	d := 0.0
	for i, v := range s.transforms {
		d = max(d, v-float64(i)/float64(n), float64(i+1)/float64(n)-v)
	}
	if ks := math.Sqrt(float64(n)) * d; ks > 1.949 { // Kolmogorov's distribution: 1.949 has 0.001 above it
		failed = append(failed, fmt.Sprintf("the probability transforms are not uniform: sqrt(n)·D = %.2f", ks))
	}
	if z := (s.surprise - s.entropy) / math.Sqrt(s.vr); !(math.Abs(z) <= 3.3) {
		failed = append(failed, fmt.Sprintf("the surprise differs from the entropy by %.2f standard deviations", z))
	}
	if x := s.chiSquare(); !(x <= 37.70) { // with 15 degrees of freedom 37.70 has 0.001 above it
		failed = append(failed, fmt.Sprintf("the frequencies of ids differ from the model's marginals: chi-square %.1f", x))
	}
	return failed
}

// chiSquare is dᵀ·C⁻¹·d, d being the differences between the frequencies that were seen and expected and C their covariance. The last
// group is left out, because the differences add up to 0.
func (s *survey) chiSquare() float64 {
	const n = groups - 1
	var a [n][n + 1]float64 // C and d, then C⁻¹·d by elimination
	for i := range n {
		copy(a[i][:n], s.cov[i][:n])
		a[i][n] = s.seen[i] - s.expected[i]
	}
	for i := range n {
		for k := range n {
			if k == i {
				continue
			}
			f := a[k][i] / a[i][i]
			for c := i; c <= n; c++ {
				a[k][c] -= f * a[i][c]
			}
		}
	}
	x := 0.0
	for i := range n {
		x += (s.seen[i] - s.expected[i]) * a[i][n] / a[i][i]
	}
	return x
}

package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"reprise/internal/atomicfile"
	"reprise/replay"
)

type inspectReplayCmd struct {
	File string `arg:"" help:"Record."`
	JSON bool   `name:"json" help:"Print one JSON object."`
	SVG  string `name:"svg" help:"Also draw the subset sizes and the ranks of gold." placeholder:"FILE"`
}

func (c *inspectReplayCmd) Run(a *app) error {
	if c.SVG != "" {
		if err := checkOutput("inspect", "--svg", c.SVG, "an SVG drawing", "<svg"); err != nil {
			return err
		}
	}
	h, r, err := replay.Inspect(c.File)
	if err != nil {
		return err
	}
	if c.SVG != "" {
		if err := atomicfile.Write(c.SVG, func(w io.Writer) error { return drawReport(w, c.File, r) }); err != nil {
			return err
		}
	}
	if c.JSON {
		return json.NewEncoder(a.stdout).Encode(r)
	}
	source := "a frozen model"
	if h.Moving() {
		source = fmt.Sprintf("a model in training, from these weights to %.16s…", h.MovedTo)
	}
	a.printf("base model   %.16s…\nsource       %s\ntokenizer    %.16s…\n", h.BaseModel, source, h.Tokenizer)
	if h.Config != "" {
		a.printf("config       %.16s…\n", h.Config)
	}
	a.printf("rule         tau %g, k_min %d, k_max %d, always %v\n", h.Tau, h.KMin, h.KMax, h.Always)
	a.printf("seam         %s\n", h.Seam)
	lo, hi := h.Range()
	if h.Shards > 1 {
		a.printf("shard        %d of %d: sequences %d to %d of %d\n", h.Shard, h.Shards, lo, hi-1, h.Sequences)
	}
	a.printf("sequences    %d of at most %d tokens, seed %d; %d documents\n", r.Sequences, h.MaxSeqLen, h.Seed, r.Documents)
	a.printf("tokens       %d\npositions    %d with loss\nids          %d, mean |S| %.2f\nat k_max     %.1f %%\ncoverage     %.4f\ngold_outside %.1f %%\n",
		r.Tokens, r.Positions, r.IDs, r.MeanSubset, 100*r.AtKMax, r.Coverage, 100*r.GoldOutside)
	a.printf("entropy      %.3f to %.3f nats (mass outside a subset counted as one id, or spread evenly)\n", r.Entropy, r.EntropyMax)
	a.printf("base loss    %.4f nats per position, the recorded model's full cross-entropy\n", r.BaseLoss)
	a.printf("bytes        %d: %.2f per token, %.2f per id\n", r.Bytes, r.BytesPerToken, r.BytesPerID)
	if r.Rehearsal != nil {
		a.printf("\n%s\n", rehearsalText(&h, r.Rehearsal))
	}
	if r.Positions == 0 {
		return nil
	}
	a.printf("\nids per position\n%s\nrank of gold\n%s", textBars(sizeBars(r)), textBars(rankBars(r)))
	return nil
}

// rehearsalText describes the text that the base model wrote itself.
func rehearsalText(h *replay.Header, r *replay.RehearsalReport) string {
	var b strings.Builder
	own := h.Rehearsal
	fmt.Fprintf(&b, "rehearsal    text that the model %.16s… wrote, at temperature %g, seed %d\n", own.BaseModel, own.Temperature, own.Seed)
	fmt.Fprintf(&b, "documents    begin %s and end with one of %v", own.Start, own.Stop)
	if own.Prompts != [32]byte{} {
		fmt.Fprintf(&b, "; beginnings of the file %.8x…", own.Prompts)
	}
	if own.Chat > 0 {
		fmt.Fprintf(&b, "; %g %% are conversations", 100*own.Chat)
	}
	fmt.Fprintf(&b, "\nits rule     tau %g, k_min %d, k_max %d, always %v\n", own.Tau, own.KMin, own.KMax, own.Always)
	for _, p := range []struct {
		name  string
		of    int
		sum   replay.Summary
		level replay.Level
	}{{"to train on", own.Packs, r.Summary, r.Level}, {"the gauge", own.Gauge, r.Gauge.Summary, r.Gauge.Level}} {
		of := ""
		if h.Shards > 1 {
			of = fmt.Sprintf(" of %d", p.of)
		}
		fmt.Fprintf(&b, "%-12s packs %d%s, documents %d, tokens %d, positions with loss %d, mean |S| %.2f, coverage %.4f, bytes %d\n",
			p.name, p.sum.Sequences, of, p.sum.Documents, p.sum.Tokens, p.sum.Positions, p.sum.MeanSubset, p.sum.Coverage, p.sum.Bytes)
		fmt.Fprintf(&b, "             entropy %.3f to %.3f nats, base loss %.4f\n", p.level.Entropy, p.level.EntropyMax, p.level.BaseLoss)
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// bar is one bar of a histogram.
type bar struct {
	label     string
	positions int
}

// sizeBars groups subset sizes into at most 16 bars: one bar per size if there are few sizes, otherwise equal ranges.
func sizeBars(r replay.Report) []bar {
	first, last := 0, len(r.Sizes)-1
	for first < last && r.Sizes[first] == 0 {
		first++
	}
	width := (last-first)/16 + 1
	var bars []bar
	for lo := first; lo <= last; lo += width {
		hi := min(lo+width-1, last)
		b := bar{label: rangeLabel(lo, hi)}
		for _, n := range r.Sizes[lo : hi+1] {
			b.positions += n
		}
		bars = append(bars, b)
	}
	return bars
}

// rankBars are the ranks of the gold id; the last bar counts the positions where it was outside the prefix.
func rankBars(r replay.Report) []bar {
	var bars []bar
	inside := 0
	for _, k := range r.Ranks {
		bars = append(bars, bar{rangeLabel(k.From, k.To), k.Positions})
		inside += k.Positions
	}
	return append(bars, bar{"outside", r.Positions - inside})
}

func rangeLabel(lo, hi int) string {
	if lo == hi {
		return fmt.Sprint(lo)
	}
	return fmt.Sprintf("%d-%d", lo, hi)
}

func textBars(bars []bar) string {
	most, total := largest(bars)
	var b strings.Builder
	for _, x := range bars {
		share := float64(x.positions) / float64(total)
		fmt.Fprintf(&b, "  %7s %6.2f %% %s\n", x.label, 100*share, strings.Repeat("█", x.positions*50/most))
	}
	return b.String()
}

func largest(bars []bar) (most, total int) {
	for _, x := range bars {
		most, total = max(most, x.positions), total+x.positions
	}
	return max(most, 1), max(total, 1)
}

// drawReport draws both histograms side by side.
func drawReport(w io.Writer, name string, r replay.Report) error {
	const width, height = 900, 340
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" font-size="12" fill="#222">`+"\n", width, height)
	fmt.Fprintf(&b, `<rect width="%d" height="%d" fill="#fff"/>`+"\n", width, height)
	fmt.Fprintf(&b, `<text x="30" y="28" font-size="16">%s</text>`+"\n", escape(name))
	fmt.Fprintf(&b, `<text x="30" y="48" fill="#555">%d positions, mean |S| %.2f, coverage %.4f, at k_max %.1f %%, gold outside %.1f %%, %.2f bytes per token</text>`+"\n",
		r.Positions, r.MeanSubset, r.Coverage, 100*r.AtKMax, 100*r.GoldOutside, r.BytesPerToken)
	drawBars(&b, 30, 80, 500, "ids per position", sizeBars(r))
	drawBars(&b, 570, 80, 300, "rank of gold", rankBars(r))
	b.WriteString("</svg>\n")
	_, err := io.WriteString(w, b.String())
	return err
}

// drawBars draws one histogram, 200 units high, with its share above every bar.
func drawBars(b *strings.Builder, x, y, width float64, title string, bars []bar) {
	const height = 200.0
	most, total := largest(bars)
	step := width / float64(len(bars))
	fmt.Fprintf(b, `<text x="%.0f" y="%.0f" font-weight="bold">%s</text>`+"\n", x, y, title)
	base := y + 20 + height
	for i, v := range bars {
		h := height * float64(v.positions) / float64(most)
		left := x + float64(float64(i)*step)
		middle := left + float64(step/2)
		fmt.Fprintf(b, `<rect x="%.1f" y="%.1f" width="%.1f" height="%.1f" fill="#3b6ea8"><title>%s: %d positions</title></rect>`+"\n", left+1, base-h, step-2, h, v.label, v.positions)
		fmt.Fprintf(b, `<text x="%.1f" y="%.1f" text-anchor="middle" font-size="9">%.1f</text>`+"\n", middle, base-h-3, 100*float64(v.positions)/float64(total))
		fmt.Fprintf(b, `<text x="%.1f" y="%.1f" text-anchor="middle" font-size="9">%s</text>`+"\n", middle, base+13, v.label)
	}
	fmt.Fprintf(b, `<line x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f" stroke="#222"/>`+"\n", x, base, x+width, base)
	fmt.Fprintf(b, `<text x="%.1f" y="%.1f" fill="#555">%% of the positions</text>`+"\n", x, base+32)
}

// escape escapes a text for XML.
func escape(s string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(s)
}

package model

import "reprise/asm"

// backBlock is the number of queries, and of keys, in one block of the scores' gradients.
const backBlock = 128

// blockTask is the part of the backward pass for the queries of one block and the keys of one block; blocks are numbered
// inside their document.
type blockTask struct{ doc, head, q, key int }

// attnBackwardJob computes dq, dk, dv, by blocks of queries and keys:
//
//	p = e/l;  dv_j += Σ_i p_ij do_i;  dp = do·vᵀ;  ds = p·(dp − do·o)·scale;  dq += ds·k;  dk_j += Σ_i ds_ij q_i
//
// A chain of dq runs over ascending keys; the chains of dk and dv run over the group's heads and, within a head, over the
// queries. So a block has to come after the block with the keys before it, the block with the queries before it, and the
// blocks of the head before. A task does all blocks of one key/value head of a document in order or, in waves, one block
// whose predecessors are done.
type attnBackwardJob struct {
	p      *Pass
	a      *activations
	window int
}

func (j *attnBackwardJob) Do(worker, task int) {
	att := j.p.att
	if att.waves {
		t := att.tasks[task]
		j.pack(worker, t)
		j.block(worker, t)
		return
	}
	group := att.cfg.Heads / att.cfg.KVHeads
	doc, kv := task/att.cfg.KVHeads, task%att.cfg.KVHeads
	lo, hi := j.p.batch.document(doc)
	blocks := tasks(hi-lo, backBlock)
	for key := range blocks {
		t := blockTask{doc: doc, head: kv * group, key: key}
		j.pack(worker, t)
		for ; t.head < (kv+1)*group; t.head++ {
			for t.q = key; t.q < blocks; t.q++ {
				j.block(worker, t)
			}
		}
	}
}

// rows returns the rows of a block of a document.
func (j *attnBackwardJob) rows(doc, block int) (lo, hi int) {
	lo, hi = j.p.batch.document(doc)
	return lo + block*backBlock, min(lo+(block+1)*backBlock, hi)
}

// pack prepares the keys and values of a task's block.
func (j *attnBackwardJob) pack(worker int, t blockTask) {
	att := j.p.att
	b, kv := &att.workers[worker], t.head/(att.cfg.Heads/att.cfg.KVHeads)
	lo, hi := j.rows(t.doc, t.key)
	k := att.head(&j.a.k, lo, hi, kv)
	v := att.head(&j.a.v, lo, hi, kv)
	b.keys.Pack(&k)
	b.keysT.PackTransposed(&k)
	b.valsT.PackTransposed(&v)
}

// block does one task; its keys and values are already packed.
func (j *attnBackwardJob) block(worker int, t blockTask) {
	att, g := j.p.att, &j.p.grads
	group := att.cfg.Heads / att.cfg.KVHeads
	b, kv := &att.workers[worker], t.head/group
	key0, key1 := j.rows(t.doc, t.key)
	q0, q1 := j.rows(t.doc, t.q)
	if j.window > 0 && q0-key1 >= j.window-1 {
		return // none of the keys is in the window
	}
	band := visible(q0-key0, j.window)
	q, o := att.head(&j.a.q, q0, q1, t.head), att.head(&j.a.o, q0, q1, t.head)
	do, dq := att.head(&g.do, q0, q1, t.head), att.head(&g.dq, q0, q1, t.head)
	dk, dv := att.head(&g.dk, key0, key1, kv), att.head(&g.dv, key0, key1, kv)
	stats, dots := j.a.headStats(t.head, q0, q1), g.dots[t.head*g.dq.Rows:][q0:q1]

	// Whether this is the first block of these queries, or of these keys.
	firstKeys := t.key == firstKey(t.q*backBlock, j.window)/backBlock
	firstQueries := t.head == kv*group && t.q == t.key
	if firstKeys {
		for i := range dots {
			dots[i] = asm.Dot(do.Row(i), o.Row(i))
		}
	}
	p, ds := buffer(&b.scores, q.Rows, dk.Rows), buffer(&b.grads, q.Rows, dk.Rows)
	b.keysT.MulInside(p, &q, band)
	b.valsT.MulInside(ds, &do, band)
	for i := 0; i < p.Rows; {
		rows, ok := band.Rows(i, p.Rows, p.Cols, p.Stride)
		if ok {
			asm.AttentionGradRows(p.Data[i*p.Stride:], ds.Data[i*p.Stride:], rows, att.scale, stats[i:], dots[i:])
		}
		i += rows.N
	}
	b.do.Pack(&do)
	b.q.Pack(&q)
	b.do.MulBand(&dv, p, true, band.Transposed(), !firstQueries)
	b.keys.MulBand(&dq, ds, false, band, !firstKeys)
	b.q.MulBand(&dk, ds, true, band.Transposed(), !firstQueries)
}

func (p *Pass) attentionBackward(a *activations, window int) {
	att := p.att
	j := &p.backJob.attn
	*j = attnBackwardJob{p: p, a: a, window: window}
	if !att.waves {
		p.Pool.Run(len(p.batch.DocStarts)*att.cfg.KVHeads, j)
		return
	}
	for wave := 0; j.wave(wave); wave++ {
		p.Pool.Run(len(att.tasks), j)
	}
}

// wave lists the blocks of all documents that can be done at the same time once the waves before are done; it returns false
// if none is left. In a document of n blocks, head h of a group meets query block q and key block k in wave h·n + q + k.
func (j *attnBackwardJob) wave(wave int) bool {
	att := j.p.att
	group := att.cfg.Heads / att.cfg.KVHeads
	att.tasks = att.tasks[:0]
	for doc := range j.p.batch.DocStarts {
		lo, hi := j.p.batch.document(doc)
		n := tasks(hi-lo, backBlock)
		for h := range group {
			sum := wave - h*n
			if sum < 0 {
				break
			}
			for key := max(0, sum-n+1); key <= sum/2; key++ {
				for kv := range att.cfg.KVHeads {
					att.tasks = append(att.tasks, blockTask{doc: doc, head: kv*group + h, q: sum - key, key: key})
				}
			}
		}
	}
	return len(att.tasks) > 0
}

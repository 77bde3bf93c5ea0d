// Package synth writes the text that the demonstration learns from. It is seeded, endless and our own, so that the embedded
// base model can be trained again from nothing to the same bits.
//
//   - [General] is English-like prose about invented people and things. More than 30 % of it are lists and look-ups in
//     which random words are repeated after 10 to 150 tokens, because a model that cannot copy a word it has never seen in
//     that place cannot write a query about a schema it has never seen.
//   - [Domain] is the skill that is trained later: a schema and three question/SQL pairs about it, with loss on the SQL
//     only. The names of a [Split] occur in no other split.
//   - [Repeats] is the first lesson: short lists of random words, repeated.
//   - [CopyProbe] is the test of copying: tasks as in General whose copied words are marked as targets.
//
// A document is a function of (seed, index): every draw comes from the Philox stream of that pair, nothing iterates over
// a map and no state is kept, so documents can be made in any order, on any number of threads. The lexicon has its own
// fixed seed: it belongs to the tokenizer and the base model, not to one corpus.
//
// Invented names are built from syllables. Those of the lexicon are frequent enough to become one token each in a
// byte-level BPE of about 8,192 ids trained on General; a share of fresh ones, made on the spot, stays in pieces, so that
// copying words of several tokens is practised too. Words follow a space wherever they may be copied ("FROM morin
// WHERE tosk = 17 ;"): a name is then the same token in a schema, in a question and in a query.
package synth

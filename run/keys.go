package run

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"

	"reprise/internal/keys"
	"reprise/optim"
)

// Key is one key of a recipe, as its field's tags describe it.
type Key = keys.Key

// Keys lists the keys of a recipe in the order of a file. Their values are the defaults.
func Keys() []Key {
	list := keys.Of(DefaultRecipe())
	for i := range list {
		k, names := &list[i], optim.Names()
		if k.Name == "optimizer" {
			k.Bound.Choice = names
		} else if users := optim.UsedBy(k.Name); len(users) > 0 && len(users) < len(names) {
			k.When = keys.When{All: []keys.Condition{{Keys: []string{"optimizer"}, Values: users}}}
		}
	}
	return list
}

// firstKeys are the keys in the text of every digest, in this order: those that a recipe had when digests were first made. A
// key with a question mark is left out at 0 or its default. The list never changes. A key that was added later is not in it
// and enters a digest only when it differs from its default; therefore that default must never change either.
const firstKeys = `model replay data out init? tokenizer? dtype? loss
	optimizer beta1 beta2 eps a b weight_decay decay max_grad_norm delta scope overshoot v_from cap_start cap_1d keep_norm gamma? fraction?
	lr schedule warmup_ratio final_lr_ratio epochs max_steps global_batch_size micro_batch_size recompute? max_seq_len seed
	tail tail_n proposal mix replay_mix kl? refresh.every_epochs? refresh.rho_above? refresh.check_every?
	record.out? record.tau? record.k_min? record.k_max? record.always? eval.every eval.data save.every save.keep_last`

// DigestText is a JSON object of the recipe's keys, for digests: it stays the same when the recipe gets new keys.
func (r Recipe) DigestText() []byte {
	return digestText(keys.Of(r), Keys(), func(Key) bool { return true })
}

// digestText writes the keys for which want is true. If want is false for one of firstKeys, that key is written as 0.
func digestText(list, defaults []Key, want func(Key) bool) []byte {
	var members, inner []string
	object := "" // the nested object whose members are in inner
	end := func() {
		if object != "" {
			members = append(members, fmt.Sprintf("%q:{%s}", object, strings.Join(inner, ",")))
		}
		object, inner = "", nil
	}
	first := map[string]bool{}
	for _, name := range strings.Fields(firstKeys) {
		name, optional := strings.CutSuffix(name, "?")
		first[name] = true
		k, known := keys.Find(list, name)
		standard, _ := keys.Find(defaults, name)
		if !known {
			panic("run: " + name + " is no longer a key, and digests need it")
		}
		if !want(k) {
			k.Value = reflect.Zero(k.Type()).Interface()
		}
		if optional && (k.IsZero() || reflect.DeepEqual(k.Value, standard.Value)) {
			continue
		}
		outer, leaf, nested := strings.Cut(name, ".")
		if !nested {
			outer, leaf = "", name
		}
		if outer != object {
			end()
			object = outer
		}
		if nested {
			inner = append(inner, member(leaf, k.Value))
		} else {
			members = append(members, member(name, k.Value))
		}
	}
	end()
	for i, k := range list {
		if !first[k.Name] && want(k) && !reflect.DeepEqual(k.Value, defaults[i].Value) {
			members = append(members, member(k.Name, k.Value))
		}
	}
	return []byte("{" + strings.Join(members, ",") + "}")
}

func member(name string, value any) string {
	text, err := json.Marshal(value)
	if err != nil {
		panic(err) // a number that is not finite: Validate refuses it
	}
	return fmt.Sprintf("%q:%s", name, text)
}

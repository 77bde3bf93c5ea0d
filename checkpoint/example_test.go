package checkpoint_test

import (
	"fmt"
	"log"
	"os"

	"reprise/checkpoint"
	"reprise/model"
)

// A file is written and one tensor of it is read.
func ExampleOpen() {
	dir, err := os.MkdirTemp("", "checkpoint-example-")
	check(err)
	defer os.RemoveAll(dir)
	check(checkpoint.WriteFile(dir+"/a.safetensors", []checkpoint.Tensor{
		{Name: "gain", DType: checkpoint.BF16, Shape: []int{4}, Data: []float32{1, 0.5, 0.1, -2}},
	}))

	f, err := checkpoint.Open(dir + "/a.safetensors")
	check(err)
	defer f.Close()
	info, err := f.Info("gain")
	check(err)
	gain := make([]float32, info.Len())
	check(f.ReadFloat32("gain", gain))
	fmt.Println(info.DType, info.Shape, gain) // 0.1 was rounded to the nearest BF16
	// Output:
	// BF16 [4] [1 0.5 0.100097656 -2]
}

// A model directory is written and read again. Package base does the same and brings the tokenizer along.
func ExampleLoad() {
	config := []byte(`{"model_type": "gpt2", "vocab_size": 50, "n_embd": 16, "n_layer": 1, "n_head": 2, "n_positions": 32}`)
	cfg, err := model.ParseConfig(config)
	check(err)
	m := model.New(cfg)
	m.Init(1)
	dir, err := os.MkdirTemp("", "checkpoint-example-")
	check(err)
	defer os.RemoveAll(dir)
	check(checkpoint.SaveModel(dir+"/model", m, checkpoint.SaveOptions{Files: map[string][]byte{"config.json": config}}))

	loaded, err := checkpoint.Load(dir + "/model")
	check(err)
	fmt.Println(loaded.Model.Config)
	fmt.Println("the same weights:", loaded.Fingerprint == checkpoint.TensorSHA256(m))
	// Output:
	// gpt2, 1 layers, hidden 16, heads 2/2 x 8, intermediate 64, vocabulary 50, tied
	// the same weights: true
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

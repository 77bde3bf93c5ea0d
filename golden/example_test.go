package golden_test

import (
	"context"
	"fmt"
	"log"

	"reprise/golden"
)

// In a test of your own this is golden.Check(t, dir); Run gives the report to look at.
func Example() {
	report, err := golden.Run(context.Background(), "../testdata/models/gpt2", golden.Options{})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%d reference tensors, %d wrong, %d changed\n", report.Compared, len(report.Wrong), len(report.Changed))
	fmt.Println(report.Reference)
	// Output:
	// 58 reference tensors, 0 wrong, 0 changed
	// scripts/goldens.py with PyTorch (numpy 1.24.2, python 3.11.2, torch 1.13.0a0)
}

// Tensors of your own are compared by the same rule: the largest error divided by the largest value.
func ExampleCompare() {
	want := []float32{1, -4, 0.5}
	fmt.Println(golden.Compare("bias", []float32{1, -4, 0.50001}, want, 1e-5))
	fmt.Println(golden.Compare("bias", []float32{1, -4, 0.501}, want, 1e-5))
	// Output:
	// <nil>
	// golden: bias: error 0.00025, bound 1e-05, first bad index 2
}

package tensor_test

import (
	"fmt"

	"reprise/tensor"
)

// c = a·b, spread over the workers of a pool.
func Example() {
	pool := tensor.NewPool(0) // a worker for every core; the result does not depend on how many
	defer pool.Close()
	a, b, c := tensor.NewMatrix(2, 3), tensor.NewMatrix(3, 2), tensor.NewMatrix(2, 2)
	copy(a.Data, []float32{
		1, 2, 3,
		4, 5, 6,
	})
	copy(b.Data, []float32{
		1, 0,
		0, 1,
		1, 1,
	})
	pool.MatMul(c, a, b, false) // with true the product is added to c
	fmt.Println(c.Row(0), c.Row(1))
	// Output:
	// [4 5] [10 11]
}

// A stream of random numbers has a name. What other streams have drawn does not change it.
func ExampleNewRNG() {
	rng := tensor.NewRNG(1, "dice", 0) // seed, purpose, number
	for range 5 {
		fmt.Print(1+rng.Intn(6), " ")
	}
	// Output:
	// 4 4 6 3 5
}

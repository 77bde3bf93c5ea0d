package jinja

// Statements.
type (
	textNode  struct{ text string }
	printNode struct {
		line int
		x    expr
	}
	ifNode struct {
		line        int
		cond        expr
		then, other []node
	}
	forNode struct {
		line       int
		target     target
		seq, test  expr // test may be nil
		body, none []node
		recursive  bool
	}
	setNode struct {
		line   int
		target target
		x      expr
	}
	setBlockNode struct {
		line    int
		target  target
		body    []node
		filters *filterExpr // nil without filters; its innermost value is a *captured
	}
	withNode struct {
		line    int
		targets []target
		values  []expr
		body    []node
	}
	macroNode struct {
		line int
		name string
		def  *macroDef
	}
	callNode struct {
		line int
		call *callExpr
		def  *macroDef
	}
	filterNode struct {
		line    int
		body    []node
		filters *filterExpr
	}
	generationNode struct {
		line int
		body []node
	}
	breakNode    struct{}
	continueNode struct{}
)

type node any

// macroDef is what a macro and a call block have in common.
type macroDef struct {
	params                      []string
	defaults                    []expr // of the last parameters
	body                        []node
	useCaller, useArgs, useKeys bool
}

// target is what set and for assign to: one name, a field of a namespace, or a tuple.
type target struct {
	name, field string
	tuple       []target
}

// Expressions.
type (
	constExpr struct{ v Value }
	nameExpr  struct{ name string }
	listExpr  struct{ items []expr }
	tupleExpr struct{ items []expr }
	dictExpr  struct{ keys, values []expr }
	unaryExpr struct {
		op string
		x  expr
	}
	binaryExpr struct {
		op   string
		a, b expr
	}
	logicExpr struct { // and, or
		op   string
		a, b expr
	}
	concatExpr  struct{ items []expr }
	compareExpr struct {
		first expr
		ops   []string
		rest  []expr
	}
	condExpr struct{ cond, then, other expr } // other may be nil
	attrExpr struct {
		x    expr
		name string
	}
	itemExpr  struct{ x, key expr }
	sliceExpr struct{ x, from, to, step expr } // parts may be nil
	callExpr  struct {
		line int
		f    expr
		args callArgs
	}
	filterExpr struct {
		line int
		x    expr
		name string
		args callArgs
	}
	testExpr struct {
		line int
		x    expr
		name string
		args callArgs
	}
	// captured stands for the text of a block that a filter is applied to.
	captured struct{}
)

type expr any

type callArgs struct {
	args     []expr
	names    []string // of keywords
	values   []expr
	star     expr // *list, nil if absent
	starStar expr // **dict, nil if absent
}

//go:build !purego

package asm

func softmaxRowsTier(t *rowsArgs) {
	switch {
	case useAVX512:
		softmaxRowsAVX512(t)
	case useAVX2:
		softmaxRowsAVX2(t)
	default:
		softmaxRowsGeneric(t)
	}
}

func attentionGradRowsTier(t *rowsArgs) {
	switch {
	case useAVX512:
		attentionGradRowsAVX512(t)
	case useAVX2:
		attentionGradRowsAVX2(t)
	default:
		attentionGradRowsGeneric(t)
	}
}

//go:noescape
func softmaxRowsAVX512(t *rowsArgs)

//go:noescape
func softmaxRowsAVX2(t *rowsArgs)

//go:noescape
func attentionGradRowsAVX512(t *rowsArgs)

//go:noescape
func attentionGradRowsAVX2(t *rowsArgs)

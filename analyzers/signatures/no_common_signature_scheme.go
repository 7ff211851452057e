package signatures

import (
	"github.com/alblab/alblab/analyzers"
	"github.com/alblab/alblab/lab/policy"
)

func noCommonSignatureScheme() *analyzers.Analyzer {
	return byPolicy(NoCommonSignatureScheme, policy.ReasonNoCommonScheme,
		"The client accepts no signature scheme that the security policy allows and that the listener's certificates can make.")
}

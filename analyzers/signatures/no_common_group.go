package signatures

import (
	"github.com/alblab/alblab/analyzers"
	"github.com/alblab/alblab/lab/policy"
)

func noCommonGroup() *analyzers.Analyzer {
	return byPolicy(NoCommonGroup, policy.ReasonNoCommonGroup,
		"The client offers no key exchange group that the security policy allows, such as X25519 alone to a policy for NIST curves.")
}

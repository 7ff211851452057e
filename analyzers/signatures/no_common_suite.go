package signatures

import (
	"github.com/alblab/alblab/analyzers"
	"github.com/alblab/alblab/lab/policy"
)

func noCommonSuite() *analyzers.Analyzer {
	return byPolicy(NoCommonSuite, policy.ReasonNoCommonSuite,
		"The client offers no cipher suite that the security policy allows in the version they share, with the certificates that the listener has.")
}

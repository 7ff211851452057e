package signatures

import (
	"github.com/alblab/alblab/analyzers"
	"github.com/alblab/alblab/lab/policy"
)

func inappropriateFallback() *analyzers.Analyzer {
	return byPolicy(InappropriateFallback, policy.ReasonInappropriateFallback,
		"The client came again with a lower version after a failure and said so (TLS_FALLBACK_SCSV, RFC 7507), while the policy allows a higher one: the first failure is the one to look for.")
}

package signatures

import (
	"github.com/alblab/alblab/analyzers"
	"github.com/alblab/alblab/lab/policy"
)

func noCommonVersion() *analyzers.Analyzer {
	return byPolicy(NoCommonVersion, policy.ReasonNoCommonVersion,
		"The client and the security policy share no protocol version: an old client and a strict policy, or the other way round.")
}

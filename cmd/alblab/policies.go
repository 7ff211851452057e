package main

import (
	"errors"
	"strings"

	"github.com/spf13/cobra"

	"github.com/alblab/alblab/lab/policy"
)

// listPoliciesHint says where the names are.
const listPoliciesHint = "'alblab list policies' shows all names"

// policyByName finds a policy; an unknown name answers with the nearest, or how to list them.
func policyByName(name string) (*policy.Policy, error) {
	p, err := policy.ByName(name)
	var unknown *policy.UnknownError
	if errors.As(err, &unknown) {
		return nil, hint(err, listPoliciesHint)
	}
	return p, err
}

// parseCertSet reads --cert.
func parseCertSet(s string) (policy.CertSet, error) {
	set, err := policy.ParseCertSet(s)
	return set, hint(err, "certificates are rsa, ecdsa, both, or like rsa:3072:sha384 and ecdsa:p384")
}

// policyNames completes a policy's name.
func policyNames(_ *cobra.Command, _ []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
	var out []cobra.Completion
	for _, n := range policy.Names() {
		short := strings.TrimPrefix(n, policy.Prefix)
		if strings.HasPrefix(n, typed) {
			out = append(out, n)
		} else if strings.HasPrefix(short, typed) {
			out = append(out, short)
		}
	}
	return out, cobra.ShellCompDirectiveNoFileComp
}

// texts gives the text forms of a list.
func texts[T interface{ String() string }](list []T) []string {
	out := make([]string, len(list))
	for i, v := range list {
		out[i] = v.String()
	}
	return out
}

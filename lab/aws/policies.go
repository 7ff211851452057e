package aws

import (
	"context"
	"fmt"
	"slices"
	"strings"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/alblab/alblab/lab/policy"
	"github.com/alblab/alblab/lab/wire"
)

// PolicyDifference is where the account's answer and our catalogue differ.
type PolicyDifference struct {
	Policy  string   `json:"policy"`
	Field   string   `json:"field"` // policy, protocols, ciphers, order
	Account []string `json:"account"`
	Ours    []string `json:"ours"`
}

// String says it in a line.
func (d PolicyDifference) String() string {
	switch {
	case d.Field == "policy" && len(d.Ours) == 0:
		return d.Policy + ": only the account has it"
	case d.Field == "policy":
		return d.Policy + ": only our catalogue has it"
	case d.Field == "order":
		return fmt.Sprintf("%s: the order of ciphers differs from place %s on", d.Policy, d.Account[0])
	}
	only := func(a, b []string) string {
		var out []string
		for _, s := range a {
			if !slices.Contains(b, s) {
				out = append(out, s)
			}
		}
		if len(out) == 0 {
			return "none"
		}
		return strings.Join(out, " ")
	}
	return fmt.Sprintf("%s: %s: only the account has %s; only ours has %s", d.Policy, d.Field, only(d.Account, d.Ours), only(d.Ours, d.Account))
}

// Policies compares the security policies of the account's region with our catalogue, in the fields that DescribeSSLPolicies has:
// names, protocols, ciphers and their order. Groups and signature schemes it does not tell
// (docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_SslPolicy.html). compared counts the policies that both have.
func (c *Clients) Policies(ctx context.Context) (differences []PolicyDifference, compared int, err error) {
	account := map[string]types.SslPolicy{}
	in := &elb.DescribeSSLPoliciesInput{LoadBalancerType: types.LoadBalancerTypeEnumApplication}
	for {
		out, err := c.ELB.DescribeSSLPolicies(ctx, in)
		if err != nil {
			return nil, 0, explain(err, "listing security policies")
		}
		for _, p := range out.SslPolicies {
			account[sdk.ToString(p.Name)] = p
		}
		if sdk.ToString(out.NextMarker) == "" {
			break
		}
		in.Marker = out.NextMarker
	}
	if len(account) == 0 {
		return nil, 0, fmt.Errorf("listing security policies: %s has none", c.Region)
	}
	for _, ours := range policy.All() {
		theirs, ok := account[ours.Name]
		if !ok {
			differences = append(differences, PolicyDifference{Policy: ours.Name, Field: "policy", Ours: []string{ours.Name}})
			continue
		}
		compared++
		delete(account, ours.Name)
		differences = append(differences, comparePolicy(ours, &theirs)...)
	}
	for name := range account {
		differences = append(differences, PolicyDifference{Policy: name, Field: "policy", Account: []string{name}})
	}
	slices.SortStableFunc(differences, func(a, b PolicyDifference) int { return strings.Compare(a.Policy, b.Policy) })
	return differences, compared, nil
}

func comparePolicy(ours *policy.Policy, theirs *types.SslPolicy) []PolicyDifference {
	var all []PolicyDifference
	protocols := slices.Clone(theirs.SslProtocols)
	slices.Sort(protocols)
	var versions []string
	for _, v := range ours.Versions {
		versions = append(versions, v.String())
	}
	slices.Sort(versions)
	if !slices.Equal(protocols, versions) {
		all = append(all, PolicyDifference{ours.Name, "protocols", protocols, versions})
	}
	ciphers := slices.Clone(theirs.Ciphers)
	slices.SortStableFunc(ciphers, func(a, b types.Cipher) int { return int(sdk.ToInt32(a.Priority) - sdk.ToInt32(b.Priority)) })
	var account, catalogue []string
	for _, x := range ciphers {
		account = append(account, cipherName(sdk.ToString(x.Name)))
	}
	for _, s := range ours.Suites {
		catalogue = append(catalogue, s.OpenSSL())
	}
	if !slices.Equal(slices.Sorted(slices.Values(account)), slices.Sorted(slices.Values(catalogue))) {
		return append(all, PolicyDifference{ours.Name, "ciphers", account, catalogue})
	}
	for i := range account {
		if account[i] != catalogue[i] {
			return append(all, PolicyDifference{ours.Name, "order", []string{fmt.Sprint(i + 1), account[i]}, []string{fmt.Sprint(i + 1), catalogue[i]}})
		}
	}
	return all
}

// cipherName is a cipher's OpenSSL name, whichever of its names the account gives.
func cipherName(s string) string {
	if suite, err := wire.ParseSuite(s); err == nil {
		return suite.OpenSSL()
	}
	return s
}

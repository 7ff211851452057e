package aws

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/alblab/alblab/lab/aws/signed"
)

// What is deleted here is of services that have no package of the SDK's in this program: four more packages, compiled in every
// first build, for calls that are made when something was left behind. They go through lab/aws/signed.

// errNoService is a Clients without the service.
var errNoService = errors.New("the service cannot be called")

// deleteCertificate deletes one that Terraform has imported or asked for. A listener that still has it makes AWS refuse
// (docs.aws.amazon.com/acm/latest/APIReference/API_DeleteCertificate.html).
func deleteCertificate(ctx context.Context, c *Clients, l *Leftover) error {
	if c.ACM == nil {
		return errNoService
	}
	return c.ACM.JSON(ctx, "DeleteCertificate", map[string]string{"CertificateArn": l.ARN}, nil)
}

// deleteWorkgroup deletes named queries and history with it. One that is gone is an InvalidRequestException
// (docs.aws.amazon.com/athena/latest/APIReference/API_DeleteWorkGroup.html).
func deleteWorkgroup(ctx context.Context, c *Clients, l *Leftover) error {
	if c.Athena == nil {
		return errNoService
	}
	err := c.Athena.JSON(ctx, "DeleteWorkGroup", map[string]any{"WorkGroup": l.ID, "RecursiveDeleteOption": true}, nil)
	var e *signed.Error
	if errors.As(err, &e) && strings.Contains(e.Message, "is not found") {
		return nil
	}
	return err
}

// deleteDatabase deletes a database of Glue's, whose tables go with it
// (docs.aws.amazon.com/glue/latest/webapi/API_DeleteDatabase.html).
func deleteDatabase(ctx context.Context, c *Clients, l *Leftover) error {
	if c.Glue == nil {
		return errNoService
	}
	return c.Glue.JSON(ctx, "DeleteDatabase", map[string]string{"Name": l.ID}, nil)
}

// iamName is what IAM's calls take: ARNs have a path before it.
func iamName(l *Leftover) string { return l.ID[strings.LastIndexByte(l.ID, '/')+1:] }

// deleteProfile takes the role out of an instance profile first
// (docs.aws.amazon.com/IAM/latest/APIReference/API_DeleteInstanceProfile.html).
func deleteProfile(ctx context.Context, c *Clients, l *Leftover) error {
	if c.IAM == nil {
		return errNoService
	}
	profile := map[string][]string{"InstanceProfileName": {iamName(l)}}
	var out struct {
		Roles []string `xml:"GetInstanceProfileResult>InstanceProfile>Roles>member>RoleName"`
	}
	if err := c.IAM.Query(ctx, "GetInstanceProfile", profile, &out); err != nil {
		return err
	}
	for _, r := range out.Roles {
		err := c.IAM.Query(ctx, "RemoveRoleFromInstanceProfile", map[string][]string{"InstanceProfileName": {iamName(l)}, "RoleName": {r}}, nil)
		if err != nil && !gone(err) {
			return err
		}
	}
	return c.IAM.Query(ctx, "DeleteInstanceProfile", profile, nil)
}

// deleteRole takes its policies away first (docs.aws.amazon.com/IAM/latest/APIReference/API_DeleteRole.html). A lab's roles have one
// or two: one page of either.
func deleteRole(ctx context.Context, c *Clients, l *Leftover) error {
	if c.IAM == nil {
		return errNoService
	}
	role := map[string][]string{"RoleName": {iamName(l)}}
	var inline struct {
		Names []string `xml:"ListRolePoliciesResult>PolicyNames>member"`
	}
	var attached struct {
		ARNs []string `xml:"ListAttachedRolePoliciesResult>AttachedPolicies>member>PolicyArn"`
	}
	if err := c.IAM.Query(ctx, "ListRolePolicies", role, &inline); err != nil {
		return err
	}
	if err := c.IAM.Query(ctx, "ListAttachedRolePolicies", role, &attached); err != nil {
		return err
	}
	for _, name := range inline.Names {
		err := c.IAM.Query(ctx, "DeleteRolePolicy", map[string][]string{"RoleName": role["RoleName"], "PolicyName": {name}}, nil)
		if err != nil && !gone(err) {
			return err
		}
	}
	for _, arn := range attached.ARNs {
		err := c.IAM.Query(ctx, "DetachRolePolicy", map[string][]string{"RoleName": role["RoleName"], "PolicyArn": {arn}}, nil)
		if err != nil && !gone(err) {
			return err
		}
	}
	return c.IAM.Query(ctx, "DeleteRole", role, nil)
}

// roleNames are the ends of the names of the roles that Terraform makes, alblab-RUN-...; a test holds them against terraform/.
func roleNames() []string { return []string{"flow-log", "mirror"} }

// iamThing is what GetRole and GetInstanceProfile say of a thing.
type iamThing struct {
	ARN  string `xml:"Arn"`
	Tags []struct {
		Key   string `xml:"Key"`
		Value string `xml:"Value"`
	} `xml:"Tags>member"`
}

// withRoles adds roles and instance profiles: the tagging API lists no roles, and profiles in one region only
// (docs.aws.amazon.com/resourcegroupstagging/latest/APIReference/supported-services.html). They are found by the names that
// Terraform gives them, for the runs of which something is listed and the one that is asked for, and are leftovers only with the tag.
// Who may not ask, or asks an endpoint that does not know IAM, gets none.
func (c *Clients) withRoles(ctx context.Context, run string, all []Leftover) ([]Leftover, error) {
	if c.IAM == nil {
		return all, nil
	}
	var runs []string
	if run != "" {
		runs = append(runs, run)
	}
	for _, l := range all {
		if l.Run != "" && !slices.Contains(runs, l.Run) {
			runs = append(runs, l.Run)
		}
	}
	for _, r := range runs {
		for _, end := range roleNames() {
			name := "alblab-" + r + "-" + end
			var role struct {
				Thing iamThing `xml:"GetRoleResult>Role"`
			}
			var profile struct {
				Thing iamThing `xml:"GetInstanceProfileResult>InstanceProfile"`
			}
			for _, q := range []struct {
				action, parameter string
				out               any
				thing             *iamThing
			}{{"GetInstanceProfile", "InstanceProfileName", &profile, &profile.Thing}, {"GetRole", "RoleName", &role, &role.Thing}} {
				err := c.IAM.Query(ctx, q.action, map[string][]string{q.parameter: {name}}, q.out)
				if err != nil {
					if unanswered(err) {
						continue
					}
					return nil, explain(err, "looking for the role %s", name)
				}
				tags := map[string]string{}
				for _, t := range q.thing.Tags {
					tags[t.Key] = t.Value
				}
				listed := slices.ContainsFunc(all, func(l Leftover) bool { return l.ARN == q.thing.ARN })
				if tags[TagRun] == r && !listed {
					all = append(all, newLeftover(q.thing.ARN, tags))
				}
			}
		}
	}
	return all, nil
}

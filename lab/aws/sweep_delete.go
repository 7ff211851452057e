package aws

import (
	"context"
	"errors"
	"slices"
	"strings"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/aws-sdk-go-v2/service/wafv2"
	waf "github.com/aws/aws-sdk-go-v2/service/wafv2/types"
)

func deleteLogGroup(ctx context.Context, c *Clients, l *Leftover) error {
	_, err := c.Logs.DeleteLogGroup(ctx, &cloudwatchlogs.DeleteLogGroupInput{LogGroupName: &l.ID})
	return err
}

// deleteBucket empties a bucket, all versions, and deletes it. ELB still writes after its load balancer is gone: the caller tries
// again.
func deleteBucket(ctx context.Context, c *Clients, l *Leftover) error {
	for p := s3.NewListObjectVersionsPaginator(c.S3, &s3.ListObjectVersionsInput{Bucket: &l.ID}); p.HasMorePages(); {
		page, err := p.NextPage(ctx)
		if err != nil {
			return err
		}
		var ids []types.ObjectIdentifier
		for _, v := range page.Versions {
			ids = append(ids, types.ObjectIdentifier{Key: v.Key, VersionId: v.VersionId})
		}
		for _, v := range page.DeleteMarkers {
			ids = append(ids, types.ObjectIdentifier{Key: v.Key, VersionId: v.VersionId})
		}
		if len(ids) == 0 {
			continue
		}
		out, err := c.S3.DeleteObjects(ctx, &s3.DeleteObjectsInput{Bucket: &l.ID, Delete: &types.Delete{Objects: ids, Quiet: sdk.Bool(true)}})
		if err != nil {
			return err
		}
		if len(out.Errors) > 0 {
			return errors.New(sdk.ToString(out.Errors[0].Code) + ": " + sdk.ToString(out.Errors[0].Key))
		}
	}
	_, err := c.S3.DeleteBucket(ctx, &s3.DeleteBucketInput{Bucket: &l.ID})
	return err
}

// deleteWebACL deletes a web ACL as it is now: the lock token says so.
func deleteWebACL(ctx context.Context, c *Clients, l *Leftover) error {
	name, id, _ := strings.Cut(l.ID, "/")
	got, err := c.WAF.GetWebACL(ctx, &wafv2.GetWebACLInput{Name: &name, Id: &id, Scope: waf.ScopeRegional})
	if err != nil {
		return err
	}
	_, err = c.WAF.DeleteWebACL(ctx, &wafv2.DeleteWebACLInput{Name: &name, Id: &id, Scope: waf.ScopeRegional, LockToken: got.LockToken})
	return err
}

func deleteIPSet(ctx context.Context, c *Clients, l *Leftover) error {
	name, id, _ := strings.Cut(l.ID, "/")
	got, err := c.WAF.GetIPSet(ctx, &wafv2.GetIPSetInput{Name: &name, Id: &id, Scope: waf.ScopeRegional})
	if err != nil {
		return err
	}
	_, err = c.WAF.DeleteIPSet(ctx, &wafv2.DeleteIPSetInput{Name: &name, Id: &id, Scope: waf.ScopeRegional, LockToken: got.LockToken})
	return err
}

func deleteAlarm(ctx context.Context, c *Clients, l *Leftover) error {
	_, err := c.CloudWatch.DeleteAlarms(ctx, &cloudwatch.DeleteAlarmsInput{AlarmNames: []string{l.ID}})
	return err
}

func deleteDashboard(ctx context.Context, c *Clients, l *Leftover) error {
	_, err := c.CloudWatch.DeleteDashboards(ctx, &cloudwatch.DeleteDashboardsInput{DashboardNames: []string{l.ID}})
	return err
}

func deleteQuery(ctx context.Context, c *Clients, l *Leftover) error {
	_, err := c.Logs.DeleteQueryDefinition(ctx, &cloudwatchlogs.DeleteQueryDefinitionInput{QueryDefinitionId: &l.ID})
	return err
}

// withUntagged adds what can have no tag and goes by its name, alblab-RUN: the dashboard and the saved queries of the runs of
// which something is listed, and of the one that is asked for. Who may not ask, or asks an endpoint that does not know them, gets
// none.
func (c *Clients) withUntagged(ctx context.Context, run string, all []Leftover) ([]Leftover, error) {
	var runs []Leftover // one of each
	if run != "" {
		runs = append(runs, Leftover{Run: run})
	}
	account := ""
	for _, l := range all {
		if p := strings.Split(l.ARN, ":"); len(p) > 5 && account == "" {
			account = p[4]
		}
		i := slices.IndexFunc(runs, func(r Leftover) bool { return r.Run == l.Run })
		if i < 0 {
			runs = append(runs, l)
		} else if runs[i].Expires.IsZero() {
			runs[i] = l
		}
	}
	add := func(r *Leftover, kind, id, arn string) {
		l := Leftover{ARN: arn, Kind: kind, ID: id, Run: r.Run, Owner: r.Owner, Expires: r.Expires}
		l.Command = commandFor(&l)
		all = append(all, l)
	}
	for i := range runs {
		r, name := &runs[i], "alblab-"+runs[i].Run
		d, err := c.CloudWatch.GetDashboard(ctx, &cloudwatch.GetDashboardInput{DashboardName: &name})
		switch {
		case err == nil:
			add(r, "cloudwatch dashboard", name, sdk.ToString(d.DashboardArn))
		case !unanswered(err):
			return nil, explain(err, "looking for the dashboard %s", name)
		}
		in := &cloudwatchlogs.DescribeQueryDefinitionsInput{QueryDefinitionNamePrefix: sdk.String(name + "/")}
		for {
			page, err := c.Logs.DescribeQueryDefinitions(ctx, in)
			if err != nil {
				if unanswered(err) {
					break
				}
				return nil, explain(err, "looking for the saved queries %s", name)
			}
			for _, q := range page.QueryDefinitions {
				id := sdk.ToString(q.QueryDefinitionId)
				add(r, "logs query-definition", id, "arn:aws:logs:"+c.Region+":"+account+":query-definition:"+id)
			}
			if in.NextToken = page.NextToken; sdk.ToString(page.NextToken) == "" {
				break
			}
		}
	}
	return all, nil
}

// unanswered reports whether a thing is not there, or may not or cannot be asked for.
func unanswered(err error) bool {
	c := code(err)
	return gone(err) || strings.Contains(c, "AccessDenied") || strings.Contains(c, "UnknownOperation") || c == "InvalidAction"
}

// deleteGateway detaches an Internet gateway from its VPC first.
func deleteGateway(ctx context.Context, c *Clients, l *Leftover) error {
	var out struct {
		VPCs []string `xml:"internetGatewaySet>item>attachmentSet>item>vpcId"`
	}
	if err := c.EC2.Do(ctx, "DescribeInternetGateways", map[string][]string{"InternetGatewayId.1": {l.ID}}, &out); err != nil {
		return err
	}
	for _, vpc := range out.VPCs {
		err := c.EC2.Do(ctx, "DetachInternetGateway", map[string][]string{"InternetGatewayId": {l.ID}, "VpcId": {vpc}}, nil)
		if err != nil && !gone(err) && code(err) != "Gateway.NotAttached" {
			return err
		}
	}
	return c.EC2.Do(ctx, "DeleteInternetGateway", map[string][]string{"InternetGatewayId": {l.ID}}, nil)
}

package aws

import (
	"context"
	"errors"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
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

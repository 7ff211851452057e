package terraform_test

import (
	"encoding/json"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// statement is one of an IAM policy's.
type statement struct {
	Sid, Effect string
	Action      []string
	Resource    any // a string or a list
	Condition   map[string]map[string]any
}

func (s statement) resources() []string {
	if one, ok := s.Resource.(string); ok {
		return []string{one}
	}
	var all []string
	for _, r := range s.Resource.([]any) {
		all = append(all, r.(string))
	}
	return all
}

func policies(t *testing.T) map[string][]statement {
	t.Helper()
	files, err := filepath.Glob("policies/*.json")
	require.NoError(t, err)
	require.Len(t, files, 4)
	all := map[string][]statement{}
	for _, file := range files {
		var p struct {
			Version   string
			Statement []statement
		}
		d := json.NewDecoder(strings.NewReader(read(t, file)))
		d.DisallowUnknownFields()
		require.NoError(t, d.Decode(&p), file)
		require.Equal(t, "2012-10-17", p.Version)
		all[filepath.Base(file)] = p.Statement
	}
	return all
}

// docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html: 6,144 characters, white space not counted.
func TestPoliciesFitIntoManagedPolicies(t *testing.T) {
	for name := range policies(t) {
		text := read(t, filepath.Join("policies", name))
		require.LessOrEqual(t, len(strings.Join(strings.Fields(text), "")), 6144, name)
	}
}

func TestPoliciesAreWellFormed(t *testing.T) {
	services := []string{"acm", "athena", "cloudwatch", "ec2", "ec2messages", "elasticloadbalancing", "glue", "iam", "logs", "route53", "s3", "servicequotas",
		"ssm", "ssmmessages", "sts", "tag", "wafv2"}
	sid, arn := regexp.MustCompile(`^[A-Za-z0-9]+$`), regexp.MustCompile(`^(\*|arn:aws:[a-z0-9-]+:\*?:(ACCOUNT|aws)?:.+)$`)
	action := regexp.MustCompile(`^([a-z0-9]+):([A-Z][A-Za-z0-9]+)(\*?)$`)
	for name, statements := range policies(t) {
		var sids []string
		for _, s := range statements {
			require.Regexp(t, sid, s.Sid, name)
			require.NotContains(t, sids, s.Sid, name)
			sids = append(sids, s.Sid)
			require.Equal(t, "Allow", s.Effect, name)
			require.NotEmpty(t, s.Action, s.Sid)
			for _, a := range s.Action {
				m := action.FindStringSubmatch(a)
				require.NotNil(t, m, "%s %s: %q", name, s.Sid, a)
				require.Contains(t, services, m[1], a)
				if m[3] == "*" {
					require.Contains(t, []string{"Describe", "GetBucket"}, m[2], "%s: only reads are named by a pattern", a)
				}
			}
			for _, r := range s.resources() {
				require.Regexp(t, arn, r, "%s %s", name, s.Sid)
			}
			for operator := range s.Condition {
				require.Contains(t, []string{"StringEquals", "StringLike", "ArnLike", "ArnEquals", "Null"}, operator, s.Sid)
			}
		}
	}
}

// What changes something names its resources, or asks for the tag; AWS offers neither for the delivery of logs.
func TestPoliciesGiveTheLeast(t *testing.T) {
	reads := regexp.MustCompile(`:(Describe|Get|List|Filter)`)
	for name, statements := range policies(t) {
		for _, s := range statements {
			if !slices.Contains(s.resources(), "*") || s.Condition != nil || s.Sid == "LogDelivery" || name == "boundary.json" {
				continue
			}
			for _, a := range s.Action {
				require.Regexp(t, reads, a, "%s %s: on any resource, without a condition", name, s.Sid)
			}
		}
	}
}

// Who may make roles and give them rights could give himself any right, but for the boundary, which he cannot take away.
func TestRolesAreBounded(t *testing.T) {
	bounded := 0
	for name, statements := range policies(t) {
		for _, s := range statements {
			for _, a := range s.Action {
				switch a {
				case "iam:CreateRole", "iam:PutRolePolicy", "iam:AttachRolePolicy", "iam:PutRolePermissionsBoundary":
					bounded++
					require.Equal(t, "arn:aws:iam::ACCOUNT:policy/alblab-boundary", s.Condition["StringEquals"]["iam:PermissionsBoundary"], a)
				}
				require.NotEqual(t, "iam:DeleteRolePermissionsBoundary", a, name)
				require.NotEqual(t, "iam:UpdateAssumeRolePolicy", a, name)
				require.False(t, strings.HasPrefix(a, "iam:") && strings.HasSuffix(a, "*"), a)
			}
		}
	}
	require.Equal(t, 4, bounded)
}

// What the instances' and the flow log's roles are given lies within the boundary.
func TestBoundaryHoldsTheRolesRights(t *testing.T) {
	boundary := policies(t)["boundary.json"]
	granted := 0
	for _, dir := range []string{"modules/evidence", "modules/mirror"} {
		for _, b := range blocks(t, dir) {
			if b.Type != "resource" || b.Labels[0] != "aws_iam_role_policy" {
				continue
			}
			for _, m := range regexp.MustCompile(`"((?:logs|s3):[A-Za-z]+)"`).FindAllStringSubmatch(b.text(b.Body.Attributes["policy"].Expr.Range()), -1) {
				granted++
				require.True(t, allows(boundary, m[1]), m[1])
			}
		}
	}
	require.Positive(t, granted)
}

// TestForeignThingsAreOnlyTagged: what has no tag of the lab's can at most be given one, and no zone but one is changed.
func TestForeignThingsAreOnlyTagged(t *testing.T) {
	adopting, zones := 0, 0
	for name, statements := range policies(t) {
		for _, s := range statements {
			if s.Condition["Null"] != nil {
				adopting++
				require.Equal(t, []string{"ec2:CreateTags"}, s.Action, "%s %s", name, s.Sid)
				require.Equal(t, map[string]any{"aws:RequestTag/alblab:run": "?*"}, s.Condition["StringLike"], s.Sid)
				require.Equal(t, map[string]any{"aws:ResourceTag/alblab:run": "true"}, s.Condition["Null"], s.Sid)
			}
			if slices.Contains(s.Action, "route53:ChangeResourceRecordSets") {
				zones++
				require.Equal(t, []string{"arn:aws:route53:::hostedzone/ZONE"}, s.resources())
			}
		}
	}
	require.Equal(t, 1, adopting)
	require.Equal(t, 1, zones)
}

// TestRolesArePassedToServices: to two, and to no other.
func TestRolesArePassedToServices(t *testing.T) {
	found := 0
	for _, statements := range policies(t) {
		for _, s := range statements {
			if slices.Contains(s.Action, "iam:PassRole") {
				found++
				require.Equal(t, []any{"ec2.amazonaws.com", "vpc-flow-logs.amazonaws.com"}, s.Condition["StringEquals"]["iam:PassedToService"])
				require.Equal(t, []string{"arn:aws:iam::ACCOUNT:role/alblab-*"}, s.resources())
			}
		}
	}
	require.Equal(t, 1, found)
}

// needed are the actions by kind of resource that Terraform builds: it can be made, changed in its tags, and removed.
func needed() map[string]string {
	return map[string]string{
		"aws_acm_certificate":                                "acm:ImportCertificate acm:RequestCertificate acm:AddTagsToCertificate acm:DescribeCertificate acm:DeleteCertificate",
		"aws_acm_certificate_validation":                     "acm:DescribeCertificate",
		"aws_athena_named_query":                             "athena:CreateNamedQuery athena:GetNamedQuery athena:DeleteNamedQuery",
		"aws_athena_workgroup":                               "athena:CreateWorkGroup athena:GetWorkGroup athena:DeleteWorkGroup athena:ListTagsForResource",
		"aws_cloudwatch_dashboard":                           "cloudwatch:PutDashboard cloudwatch:GetDashboard cloudwatch:DeleteDashboards",
		"aws_cloudwatch_log_group":                           "logs:CreateLogGroup logs:DescribeLogGroups logs:PutRetentionPolicy logs:DeleteLogGroup logs:ListTagsForResource",
		"aws_cloudwatch_log_metric_filter":                   "logs:PutMetricFilter logs:DescribeMetricFilters logs:DeleteMetricFilter",
		"aws_cloudwatch_log_resource_policy":                 "logs:PutResourcePolicy logs:DescribeResourcePolicies logs:DeleteResourcePolicy",
		"aws_cloudwatch_metric_alarm":                        "cloudwatch:PutMetricAlarm cloudwatch:DescribeAlarms cloudwatch:DeleteAlarms cloudwatch:ListTagsForResource",
		"aws_cloudwatch_query_definition":                    "logs:PutQueryDefinition logs:DescribeQueryDefinitions logs:DeleteQueryDefinition",
		"aws_default_security_group":                         "ec2:DescribeSecurityGroups ec2:RevokeSecurityGroupIngress ec2:RevokeSecurityGroupEgress ec2:CreateTags",
		"aws_ec2_traffic_mirror_filter":                      "ec2:CreateTrafficMirrorFilter ec2:DeleteTrafficMirrorFilter",
		"aws_ec2_traffic_mirror_filter_rule":                 "ec2:CreateTrafficMirrorFilterRule ec2:DeleteTrafficMirrorFilterRule",
		"aws_ec2_traffic_mirror_target":                      "ec2:CreateTrafficMirrorTarget ec2:DeleteTrafficMirrorTarget",
		"aws_flow_log":                                       "ec2:CreateFlowLogs ec2:DescribeFlowLogs ec2:DeleteFlowLogs iam:PassRole logs:CreateLogDelivery logs:DeleteLogDelivery",
		"aws_glue_catalog_database":                          "glue:CreateDatabase glue:GetDatabase glue:DeleteDatabase glue:GetTags",
		"aws_glue_catalog_table":                             "glue:CreateTable glue:GetTable glue:DeleteTable glue:GetPartitionIndexes",
		"aws_iam_instance_profile":                           "iam:CreateInstanceProfile iam:AddRoleToInstanceProfile iam:RemoveRoleFromInstanceProfile iam:DeleteInstanceProfile",
		"aws_iam_role":                                       "iam:CreateRole iam:GetRole iam:TagRole iam:ListRolePolicies iam:ListAttachedRolePolicies iam:ListInstanceProfilesForRole iam:DeleteRole",
		"aws_iam_role_policy":                                "iam:PutRolePolicy iam:GetRolePolicy iam:DeleteRolePolicy",
		"aws_iam_role_policy_attachment":                     "iam:AttachRolePolicy iam:DetachRolePolicy",
		"aws_instance":                                       "ec2:RunInstances ec2:TerminateInstances ec2:DescribeInstances iam:PassRole",
		"aws_internet_gateway":                               "ec2:CreateInternetGateway ec2:AttachInternetGateway ec2:DetachInternetGateway ec2:DeleteInternetGateway",
		"aws_lb":                                             "elasticloadbalancing:CreateLoadBalancer elasticloadbalancing:ModifyLoadBalancerAttributes elasticloadbalancing:DeleteLoadBalancer iam:CreateServiceLinkedRole",
		"aws_lb_listener":                                    "elasticloadbalancing:CreateListener elasticloadbalancing:ModifyListener elasticloadbalancing:DeleteListener",
		"aws_lb_listener_certificate":                        "elasticloadbalancing:AddListenerCertificates elasticloadbalancing:RemoveListenerCertificates",
		"aws_lb_target_group":                                "elasticloadbalancing:CreateTargetGroup elasticloadbalancing:ModifyTargetGroupAttributes elasticloadbalancing:DeleteTargetGroup",
		"aws_lb_target_group_attachment":                     "elasticloadbalancing:RegisterTargets elasticloadbalancing:DeregisterTargets",
		"aws_lb_trust_store":                                 "elasticloadbalancing:CreateTrustStore elasticloadbalancing:ModifyTrustStore elasticloadbalancing:DeleteTrustStore s3:GetObject s3:GetObjectVersion",
		"aws_lb_trust_store_revocation":                      "elasticloadbalancing:AddTrustStoreRevocations elasticloadbalancing:RemoveTrustStoreRevocations s3:GetObjectVersion",
		"aws_route":                                          "ec2:CreateRoute ec2:DeleteRoute",
		"aws_route53_record":                                 "route53:ChangeResourceRecordSets route53:ListResourceRecordSets route53:GetChange route53:GetHostedZone",
		"aws_route_table":                                    "ec2:CreateRouteTable ec2:DeleteRouteTable",
		"aws_route_table_association":                        "ec2:AssociateRouteTable ec2:DisassociateRouteTable",
		"aws_s3_bucket":                                      "s3:CreateBucket s3:ListBucket s3:ListBucketVersions s3:DeleteBucket s3:DeleteObject s3:DeleteObjectVersion s3:PutBucketTagging",
		"aws_s3_bucket_lifecycle_configuration":              "s3:PutLifecycleConfiguration s3:GetLifecycleConfiguration",
		"aws_s3_bucket_ownership_controls":                   "s3:PutBucketOwnershipControls s3:GetBucketOwnershipControls",
		"aws_s3_bucket_policy":                               "s3:PutBucketPolicy s3:GetBucketPolicy s3:DeleteBucketPolicy",
		"aws_s3_bucket_public_access_block":                  "s3:PutBucketPublicAccessBlock s3:GetBucketPublicAccessBlock",
		"aws_s3_bucket_server_side_encryption_configuration": "s3:PutEncryptionConfiguration s3:GetEncryptionConfiguration",
		"aws_s3_bucket_versioning":                           "s3:PutBucketVersioning s3:GetBucketVersioning",
		"aws_s3_object":                                      "s3:PutObject s3:GetObject s3:PutObjectTagging s3:GetObjectTagging s3:DeleteObject",
		"aws_security_group":                                 "ec2:CreateSecurityGroup ec2:RevokeSecurityGroupEgress ec2:DeleteSecurityGroup",
		"aws_subnet":                                         "ec2:CreateSubnet ec2:DeleteSubnet",
		"aws_vpc":                                            "ec2:CreateVpc ec2:ModifyVpcAttribute ec2:DescribeVpcs ec2:DeleteVpc",
		"aws_vpc_security_group_egress_rule":                 "ec2:AuthorizeSecurityGroupEgress ec2:RevokeSecurityGroupEgress",
		"aws_vpc_security_group_ingress_rule":                "ec2:AuthorizeSecurityGroupIngress ec2:RevokeSecurityGroupIngress",
		"aws_wafv2_ip_set":                                   "wafv2:CreateIPSet wafv2:GetIPSet wafv2:DeleteIPSet",
		"aws_wafv2_web_acl":                                  "wafv2:CreateWebACL wafv2:GetWebACL wafv2:DeleteWebACL",
		"aws_wafv2_web_acl_association":                      "wafv2:AssociateWebACL wafv2:DisassociateWebACL wafv2:GetWebACLForResource elasticloadbalancing:SetWebAcl",
		"aws_wafv2_web_acl_logging_configuration":            "wafv2:PutLoggingConfiguration wafv2:GetLoggingConfiguration wafv2:DeleteLoggingConfiguration logs:CreateLogDelivery logs:PutResourcePolicy",
		"data.aws_availability_zones":                        "ec2:DescribeAvailabilityZones",
		"data.aws_caller_identity":                           "sts:GetCallerIdentity",
		"data.aws_ssm_parameter":                             "ssm:GetParameter",
		"data.aws_partition":                                 "", "data.aws_region": "", // known without a call
	}
}

// Each kind of resource that Terraform builds has its actions; iam_test.go holds resources and conditions.
func TestPoliciesAllowWhatTerraformBuilds(t *testing.T) {
	needs := needed()
	built := map[string]bool{}
	for _, dir := range modules(t) {
		for _, b := range blocks(t, dir) {
			switch b.Type {
			case "resource":
				built[b.Labels[0]] = b.Labels[0] != "terraform_data"
			case "data":
				built["data."+b.Labels[0]] = true
			}
		}
	}
	all := policies(t)
	build := slices.Concat(all["runner-build.json"], all["runner-watch.json"])
	for kind, ok := range built {
		if !ok {
			continue
		}
		actions, listed := needs[kind]
		require.True(t, listed, "%s is built and not in this table", kind)
		for action := range strings.FieldsSeq(actions) {
			require.True(t, allows(build, action), "%s needs %s", kind, action)
		}
	}
	for kind := range needs {
		require.True(t, built[kind], "%s is in this table and not built", kind)
	}
}

func allows(statements []statement, action string) bool {
	return slices.ContainsFunc(statements, func(s statement) bool {
		return slices.ContainsFunc(s.Action, func(a string) bool {
			prefix, wild := strings.CutSuffix(a, "*")
			return a == action || wild && strings.HasPrefix(action, prefix)
		})
	})
}

# Mirroring: what is copied, and the instance that captures it. The target's instance is made the same way.

# Mocks have the form that the provider asks for: it checks the ARNs of mocks too.
mock_provider "aws" {
  mock_resource "aws_iam_role" {
    defaults = { arn = "arn:aws:iam::111122223333:role/alblab" }
  }
}

variables {
  name          = "alblab-0a1b2c3d"
  vpc_id        = "vpc-0123456789abcdef0"
  vpc_cidr      = "10.0.0.0/16"
  subnet_id     = "subnet-1"
  ports         = [8443, 443, 9443]
  image         = "ami-0123456789abcdef0"
  instance_type = "t4g.nano"
  expires_at    = "2036-01-01T00:00:00Z"
  vni           = 4242

  permissions_boundary = "arn:aws:iam::111122223333:policy/alblab-boundary"

  account_id     = "111122223333"
  partition      = "aws"
  region         = "us-east-1"
  retention_days = 7
}

run "mirror" {
  command = plan

  module {
    source = "./modules/mirror"
  }

  assert {
    condition     = alltrue([for r in aws_ec2_traffic_mirror_filter_rule.not_within : r.rule_action == "reject" && r.source_cidr_block == "10.0.0.0/16" && r.destination_cidr_block == "10.0.0.0/16" && r.rule_number < aws_ec2_traffic_mirror_filter_rule.requests.rule_number])
    error_message = "What stays within the VPC is refused first: it is decrypted."
  }
  assert {
    condition     = keys(aws_ec2_traffic_mirror_filter_rule.not_within) == ["egress", "ingress"]
    error_message = "It is refused in both directions."
  }
  assert {
    condition     = aws_ec2_traffic_mirror_filter_rule.requests.destination_port_range[0].from_port == 443 && aws_ec2_traffic_mirror_filter_rule.requests.destination_port_range[0].to_port == 9443 && aws_ec2_traffic_mirror_filter_rule.answers.source_port_range[0].from_port == 443
    error_message = "The listeners' ports are mirrored, both ways."
  }
  assert {
    condition     = aws_vpc_security_group_ingress_rule.vxlan.ip_protocol == "udp" && aws_vpc_security_group_ingress_rule.vxlan.from_port == 4789 && aws_vpc_security_group_ingress_rule.vxlan.cidr_ipv4 == "10.0.0.0/16"
    error_message = "VXLAN comes in from the VPC, and nothing else."
  }
  assert {
    condition     = aws_vpc_security_group_egress_rule.https.from_port == 443 && aws_vpc_security_group_egress_rule.https.to_port == 443
    error_message = "HTTPS goes out, and nothing else."
  }
  assert {
    condition     = jsondecode(aws_iam_role_policy.upload.policy).Statement == [{ Effect = "Allow", Action = "s3:PutObject", Resource = "arn:aws:s3:::alblab-0a1b2c3d-111122223333-mirror/captures/*" }]
    error_message = "The instance may upload captures, and nothing else."
  }
  assert {
    condition     = aws_iam_role_policy_attachment.ssm.policy_arn == "arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore"
    error_message = "Systems Manager reaches the instance; SSH does not."
  }
  assert {
    condition     = aws_iam_role.this.permissions_boundary == var.permissions_boundary
    error_message = "The role is not bounded."
  }
}

run "instance" {
  command = plan

  module {
    source = "./modules/instance"
  }

  variables {
    security_group_ids = ["sg-1"]
    public             = true
    script             = "true"
  }

  assert {
    condition     = aws_instance.this.metadata_options[0].http_tokens == "required" && aws_instance.this.metadata_options[0].http_put_response_hop_limit == 1
    error_message = "IMDSv2 only."
  }
  assert {
    condition     = aws_instance.this.instance_initiated_shutdown_behavior == "terminate" && strcontains(aws_instance.this.user_data, "expires_at='2036-01-01T00:00:00Z'")
    error_message = "The instance ends itself."
  }
  assert {
    condition     = aws_instance.this.root_block_device[0].encrypted
    error_message = "The disk is encrypted."
  }
  assert {
    condition     = one(aws_instance.this.credit_specification).cpu_credits == "standard"
    error_message = "A burstable instance may run up a bill."
  }
}

run "not_burstable" {
  command = plan

  module {
    source = "./modules/instance"
  }

  variables {
    security_group_ids = ["sg-1"]
    public             = false
    script             = "true"
    instance_type      = "c7g.medium"
  }

  assert {
    condition     = length(aws_instance.this.credit_specification) == 0
    error_message = "Only burstable types have credits."
  }
}

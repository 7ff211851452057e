# What traffic mirroring needs before the load balancer's network interfaces are known: a target, a filter, an instance that
# captures what arrives, and a bucket for the captures. alblab makes the sessions.

locals {
  bucket = "${var.name}-${var.account_id}-mirror"
  prefix = "captures"
  first  = min(var.ports...)
  last   = max(var.ports...)
}

module "bucket" {
  source = "../bucket"

  name        = local.bucket
  partition   = var.partition
  expire_days = var.retention_days
}

resource "aws_security_group" "this" {
  name        = "${var.name}-mirror"
  description = "The capturing instance: VXLAN in, HTTPS out"
  vpc_id      = var.vpc_id

  tags = { Name = "${var.name}-mirror" }

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_vpc_security_group_ingress_rule" "vxlan" {
  security_group_id = aws_security_group.this.id
  description       = "Mirrored packets from the VPC"
  ip_protocol       = "udp"
  from_port         = 4789
  to_port           = 4789
  cidr_ipv4         = var.vpc_cidr
}

# For Systems Manager, S3 and the package repository. DNS and time come from the VPC itself, past security groups.
resource "aws_vpc_security_group_egress_rule" "https" {
  security_group_id = aws_security_group.this.id
  description       = "Systems Manager, S3, packages"
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
  cidr_ipv4         = "0.0.0.0/0"
}

resource "aws_iam_role" "this" {
  name        = "${var.name}-mirror"
  description = "Lets the capturing instance upload captures and be reached by Systems Manager"

  permissions_boundary = var.permissions_boundary

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "ec2.amazonaws.com" }
      Action    = "sts:AssumeRole"
    }]
  })
}

resource "aws_iam_role_policy_attachment" "ssm" {
  role       = aws_iam_role.this.name
  policy_arn = "arn:${var.partition}:iam::aws:policy/AmazonSSMManagedInstanceCore"
}

resource "aws_iam_role_policy" "upload" {
  name = "upload"
  role = aws_iam_role.this.id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect   = "Allow"
      Action   = "s3:PutObject"
      Resource = "arn:${var.partition}:s3:::${local.bucket}/${local.prefix}/*"
    }]
  })
}

resource "aws_iam_instance_profile" "this" {
  name = "${var.name}-mirror"
  role = aws_iam_role.this.name
}

module "instance" {
  source = "../instance"

  name               = "${var.name}-mirror"
  image              = var.image
  instance_type      = var.instance_type
  subnet_id          = var.subnet_id
  security_group_ids = [aws_security_group.this.id]
  public             = true
  instance_profile   = aws_iam_instance_profile.this.name
  expires_at         = var.expires_at

  script = templatefile("${path.module}/capture.sh.tftpl", {
    bucket = local.bucket
    prefix = local.prefix
    region = var.region
  })

  # The first upload needs them all.
  depends_on = [
    module.bucket,
    aws_iam_role_policy.upload,
    aws_iam_role_policy_attachment.ssm,
    aws_vpc_security_group_egress_rule.https,
  ]
}

resource "aws_ec2_traffic_mirror_target" "this" {
  description          = "The capturing instance of ${var.name}"
  network_interface_id = module.instance.network_interface_id

  tags = { Name = var.name }
}

resource "aws_ec2_traffic_mirror_filter" "this" {
  description = "Client side of the listeners of ${var.name}"

  tags = { Name = var.name }
}

# First of all: nothing between addresses of the VPC, for what the load balancer sends to a target is decrypted.
resource "aws_ec2_traffic_mirror_filter_rule" "not_within" {
  for_each = toset(["ingress", "egress"])

  description              = "Not what stays within the VPC"
  traffic_mirror_filter_id = aws_ec2_traffic_mirror_filter.this.id
  traffic_direction        = each.key
  rule_number              = 10
  rule_action              = "reject"
  source_cidr_block        = var.vpc_cidr
  destination_cidr_block   = var.vpc_cidr
}

# One rule for all ports, from the lowest to the highest: a filter has at most 10 rules a direction, and what lies between is
# closed by the load balancer's security group.
resource "aws_ec2_traffic_mirror_filter_rule" "requests" {
  description              = "From clients to the listeners"
  traffic_mirror_filter_id = aws_ec2_traffic_mirror_filter.this.id
  traffic_direction        = "ingress"
  rule_number              = 100
  rule_action              = "accept"
  protocol                 = 6
  source_cidr_block        = "0.0.0.0/0"
  destination_cidr_block   = var.vpc_cidr

  destination_port_range {
    from_port = local.first
    to_port   = local.last
  }
}

resource "aws_ec2_traffic_mirror_filter_rule" "answers" {
  description              = "From the listeners to clients"
  traffic_mirror_filter_id = aws_ec2_traffic_mirror_filter.this.id
  traffic_direction        = "egress"
  rule_number              = 100
  rule_action              = "accept"
  protocol                 = 6
  source_cidr_block        = var.vpc_cidr
  destination_cidr_block   = "0.0.0.0/0"

  source_port_range {
    from_port = local.first
    to_port   = local.last
  }
}

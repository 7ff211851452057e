output "mirror" {
  description = "What a session needs, and where captures go."
  value = {
    target_id   = aws_ec2_traffic_mirror_target.this.id
    filter_id   = aws_ec2_traffic_mirror_filter.this.id
    instance_id = module.instance.id
    bucket      = module.bucket.name
    prefix      = local.prefix
    vni         = var.vni
  }
  depends_on = [
    aws_ec2_traffic_mirror_filter_rule.not_within,
    aws_ec2_traffic_mirror_filter_rule.requests,
    aws_ec2_traffic_mirror_filter_rule.answers,
    aws_vpc_security_group_ingress_rule.vxlan,
  ]
}

# An instance as all of the lab's are: Amazon Linux on Graviton (Nitro), no SSH, IMDSv2 only, an encrypted disk, and it ends
# itself at expires_at, for a tag ends nothing.

resource "aws_instance" "this" {
  ami                         = var.image
  instance_type               = var.instance_type
  subnet_id                   = var.subnet_id
  vpc_security_group_ids      = var.security_group_ids
  associate_public_ip_address = var.public
  iam_instance_profile        = var.instance_profile

  instance_initiated_shutdown_behavior = "terminate"
  user_data                            = "${templatefile("${path.module}/expire.sh.tftpl", { expires_at = var.expires_at })}\n${var.script}"
  user_data_replace_on_change          = true

  metadata_options {
    http_endpoint               = "enabled"
    http_tokens                 = "required"
    http_put_response_hop_limit = 1
  }

  root_block_device {
    encrypted             = true
    volume_type           = "gp3"
    volume_size           = 8
    delete_on_termination = true
  }

  # Without it, burstable instances may run up a bill.
  dynamic "credit_specification" {
    for_each = startswith(var.instance_type, "t") ? [1] : []
    content {
      cpu_credits = "standard"
    }
  }

  tags = { Name = var.name }

  lifecycle {
    # A newer image is no reason to replace it.
    ignore_changes = [ami]
  }
}

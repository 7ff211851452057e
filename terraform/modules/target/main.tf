# The target of default_action forward: a web server that answers with the request headers it got, one a line, as the
# embedded lab's does. It has no way to the Internet, and no role.

resource "aws_lb_target_group" "this" {
  name        = "${var.name}-target"
  vpc_id      = var.vpc_id
  target_type = "instance"
  protocol    = "HTTP"
  port        = 80

  deregistration_delay = 0

  health_check {
    path                = "/"
    matcher             = "200"
    interval            = 10
    timeout             = 5
    healthy_threshold   = 2
    unhealthy_threshold = 2
  }

  tags = { Name = "${var.name}-target" }
}

resource "aws_security_group" "this" {
  name        = "${var.name}-target"
  description = "The target: HTTP from the load balancer, nothing out"
  vpc_id      = var.vpc_id

  tags = { Name = "${var.name}-target" }

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_vpc_security_group_ingress_rule" "load_balancer" {
  security_group_id            = aws_security_group.this.id
  description                  = "Nodes of the load balancer"
  ip_protocol                  = "tcp"
  from_port                    = 80
  to_port                      = 80
  referenced_security_group_id = var.load_balancer_security_group_id
}

module "instance" {
  source = "../instance"

  name               = "${var.name}-target"
  image              = var.image
  instance_type      = var.instance_type
  subnet_id          = var.subnet_id
  security_group_ids = [aws_security_group.this.id]
  public             = false
  expires_at         = var.expires_at
  script             = file("${path.module}/echo.sh")
}

resource "aws_lb_target_group_attachment" "this" {
  target_group_arn = aws_lb_target_group.this.arn
  target_id        = module.instance.id
  port             = 80
}

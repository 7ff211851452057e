output "arns" {
  description = "The ARN of each certificate by its key; of issued ones, once they are valid."
  value = merge(
    { for k, c in aws_acm_certificate.imported : k => c.arn },
    { for k, v in aws_acm_certificate_validation.issued : k => v.certificate_arn },
  )
}

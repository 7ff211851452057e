output "lab" {
  description = "What alblab reads to attach to the lab."
  value       = module.lab
}

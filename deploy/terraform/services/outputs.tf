output "balancer" {
  description = "Where the DNS entry of `host` leads to."
  value       = aws_lb.this.dns_name
}

output "migrate" {
  description = "The task that upgrades the database: run it before each new image, and once at the beginning."
  value = {
    task_definition = aws_ecs_task_definition.migrate.arn
    cluster         = aws_ecs_cluster.this.name
    subnets         = var.network.private_subnets
    security_groups = [var.network.security_groups["scheduler"]]
  }
}

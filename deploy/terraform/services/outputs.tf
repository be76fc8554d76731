output "balancer" {
  description = "Where the DNS entry of `host` leads to."
  value       = aws_lb.this.dns_name
}

output "migrate" {
  description = "What `aws ecs run-task --cli-input-json` takes to upgrade the database: run it before each new image, and once at the beginning."
  value = {
    taskDefinition = aws_ecs_task_definition.migrate.arn
    cluster        = aws_ecs_cluster.this.name
    launchType     = "FARGATE"
    networkConfiguration = {
      awsvpcConfiguration = {
        subnets        = var.network.private_subnets
        securityGroups = [var.network.security_groups["scheduler"]]
      }
    }
  }
}

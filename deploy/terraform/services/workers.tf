resource "aws_ecs_task_definition" "worker" {
  for_each                 = var.workers
  family                   = "${var.name}-worker-${each.key}"
  requires_compatibilities = ["FARGATE"]
  network_mode             = "awsvpc"
  cpu                      = each.value.cpu
  memory                   = each.value.memory
  execution_role_arn       = aws_iam_role.start["worker"].arn
  task_role_arn            = aws_iam_role.worker[each.key].arn
  volume {
    name = "tmp"
  }
  volume {
    name = "state"
  }
  container_definitions = jsonencode([merge(local.container, {
    name       = "worker"
    entryPoint = ["/bin/sh", "-euc"]
    # Fargate waits 120 s for a task that is told to end: what is not done by then is handed back before.
    command = [join(" ", [
      "${local.begin}; exec penstock worker --executor ${each.value.executor} --queues '${join(",", each.value.queues)}'",
      "--concurrency ${each.value.slots} --folder /var/lib/penstock --drain-s 90",
    ])]
    stopTimeout = 120
    environment = [
      { name = "SETTINGS", value = local.settings },
      { name = "PENSTOCK_SERVER", value = local.url },
      { name = "CELERY_BROKER_URL", value = var.data.broker_url },
    ]
    secrets          = [{ name = "PENSTOCK_TOKEN", valueFrom = var.data.secrets["worker-token"] }]
    logConfiguration = local.logged[each.key]
  })])
}

resource "aws_ecs_service" "worker" {
  for_each                           = var.workers
  name                               = "worker-${each.key}"
  cluster                            = aws_ecs_cluster.this.id
  task_definition                    = aws_ecs_task_definition.worker[each.key].arn
  desired_count                      = each.value.min_workers
  launch_type                        = "FARGATE"
  deployment_minimum_healthy_percent = 100
  deployment_maximum_percent         = 200
  network_configuration {
    subnets         = var.network.private_subnets
    security_groups = [var.network.security_groups["worker"]]
  }
  deployment_circuit_breaker {
    enable   = true
    rollback = true
  }
  lifecycle {
    ignore_changes = [desired_count]
  }
}

resource "aws_appautoscaling_target" "worker" {
  for_each           = var.workers
  service_namespace  = "ecs"
  resource_id        = "service/${aws_ecs_cluster.this.name}/${aws_ecs_service.worker[each.key].name}"
  scalable_dimension = "ecs:service:DesiredCount"
  min_capacity       = each.value.min_workers
  max_capacity       = each.value.max_workers
}

# As many tasks as /scaling wants, where there are some: wanted by running is to be 1. The cooldown is the queue's, and none is added.
resource "aws_appautoscaling_policy" "wanted" {
  for_each           = var.workers
  name               = "wanted"
  policy_type        = "TargetTrackingScaling"
  service_namespace  = aws_appautoscaling_target.worker[each.key].service_namespace
  resource_id        = aws_appautoscaling_target.worker[each.key].resource_id
  scalable_dimension = aws_appautoscaling_target.worker[each.key].scalable_dimension
  target_tracking_scaling_policy_configuration {
    target_value       = 1
    scale_in_cooldown  = 0
    scale_out_cooldown = 60
    customized_metric_specification {
      metrics {
        id          = "ratio"
        label       = "Workers that are wanted by those that run"
        expression  = "IF(running > 0, (${join(" + ", [for number, _ in each.value.queues : "q${number}"])}) / running)"
        return_data = true
      }
      dynamic "metrics" {
        for_each = each.value.queues
        content {
          id          = "q${metrics.key}"
          return_data = false
          metric_stat {
            stat = "Maximum"
            metric {
              namespace   = local.namespace
              metric_name = "DesiredWorkers"
              dimensions {
                name  = "Installation"
                value = var.name
              }
              dimensions {
                name  = "Queue"
                value = metrics.value
              }
            }
          }
        }
      }
      metrics {
        id          = "running"
        return_data = false
        metric_stat {
          stat = "Average"
          metric {
            namespace   = "ECS/ContainerInsights"
            metric_name = "RunningTaskCount"
            dimensions {
              name  = "ClusterName"
              value = aws_ecs_cluster.this.name
            }
            dimensions {
              name  = "ServiceName"
              value = aws_ecs_service.worker[each.key].name
            }
          }
        }
      }
    }
  }
}

# A ratio to nothing is no number: the first worker is brought by an alarm, and target tracking takes it from there.
resource "aws_appautoscaling_policy" "first" {
  for_each           = var.workers
  name               = "first"
  policy_type        = "StepScaling"
  service_namespace  = aws_appautoscaling_target.worker[each.key].service_namespace
  resource_id        = aws_appautoscaling_target.worker[each.key].resource_id
  scalable_dimension = aws_appautoscaling_target.worker[each.key].scalable_dimension
  step_scaling_policy_configuration {
    adjustment_type         = "ExactCapacity"
    cooldown                = 60
    metric_aggregation_type = "Maximum"
    step_adjustment {
      metric_interval_lower_bound = 0
      scaling_adjustment          = 1
    }
  }
}

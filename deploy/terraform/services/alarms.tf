locals {
  queues = merge([for pool, given in var.workers : { for queue in given.queues : queue => pool }]...)
}

resource "aws_cloudwatch_metric_alarm" "first" {
  for_each            = var.workers
  alarm_name          = "${var.name}-first-worker-${each.key}"
  alarm_description   = "Workers are wanted, and none runs"
  comparison_operator = "GreaterThanOrEqualToThreshold"
  threshold           = 1
  evaluation_periods  = 1
  treat_missing_data  = "notBreaching"
  alarm_actions       = [aws_appautoscaling_policy.first[each.key].arn]
  metric_query {
    id          = "wanted"
    label       = "Workers that are wanted of none"
    expression  = "IF(FILL(running, 0) == 0, ${join(" + ", [for number, _ in each.value.queues : "q${number}"])}, 0)"
    return_data = true
  }
  dynamic "metric_query" {
    for_each = each.value.queues
    content {
      id = "q${metric_query.key}"
      metric {
        namespace   = local.namespace
        metric_name = "DesiredWorkers"
        period      = 60
        stat        = "Maximum"
        dimensions  = { Installation = var.name, Queue = metric_query.value }
      }
    }
  }
  metric_query {
    id = "running"
    metric {
      namespace   = "ECS/ContainerInsights"
      metric_name = "RunningTaskCount"
      period      = 60
      stat        = "Maximum"
      dimensions  = { ClusterName = aws_ecs_cluster.this.name, ServiceName = aws_ecs_service.worker[each.key].name }
    }
  }
}

resource "aws_cloudwatch_metric_alarm" "oldest" {
  for_each            = local.queues
  alarm_name          = "${var.name}-oldest-${each.key}"
  alarm_description   = "A task of queue ${each.key} is ready for long, and pool ${each.value} has not begun it"
  namespace           = local.namespace
  metric_name         = "OldestAge"
  dimensions          = { Installation = var.name, Queue = each.key }
  statistic           = "Maximum"
  period              = 60
  evaluation_periods  = 3
  comparison_operator = "GreaterThanThreshold"
  threshold           = var.oldest_s
  treat_missing_data  = "notBreaching"
  alarm_actions       = var.alarm_topics
  ok_actions          = var.alarm_topics
}

# Figures stop coming when scheduler, server or publisher do.
resource "aws_cloudwatch_metric_alarm" "silent" {
  alarm_name          = "${var.name}-silent"
  alarm_description   = "Nobody says what is wanted: look at the scheduler's task"
  namespace           = local.namespace
  metric_name         = "DesiredWorkers"
  dimensions          = { Installation = var.name, Queue = "default" }
  statistic           = "SampleCount"
  period              = 60
  evaluation_periods  = 5
  comparison_operator = "LessThanThreshold"
  threshold           = 1
  treat_missing_data  = "breaching"
  alarm_actions       = var.alarm_topics
  ok_actions          = var.alarm_topics
}

resource "aws_cloudwatch_metric_alarm" "unhealthy" {
  alarm_name          = "${var.name}-unhealthy"
  alarm_description   = "No server answers the balancer"
  namespace           = "AWS/ApplicationELB"
  metric_name         = "HealthyHostCount"
  dimensions          = { LoadBalancer = aws_lb.this.arn_suffix, TargetGroup = aws_lb_target_group.this.arn_suffix }
  statistic           = "Minimum"
  period              = 60
  evaluation_periods  = 3
  comparison_operator = "LessThanThreshold"
  threshold           = 1
  treat_missing_data  = "breaching"
  alarm_actions       = var.alarm_topics
  ok_actions          = var.alarm_topics
}

resource "aws_cloudwatch_metric_alarm" "database_cpu" {
  alarm_name          = "${var.name}-database-cpu"
  alarm_description   = "The database's processors are busy for a quarter of an hour"
  namespace           = "AWS/RDS"
  metric_name         = "CPUUtilization"
  dimensions          = { DBInstanceIdentifier = var.data.database_id }
  statistic           = "Average"
  period              = 300
  evaluation_periods  = 3
  comparison_operator = "GreaterThanThreshold"
  threshold           = 90
  alarm_actions       = var.alarm_topics
  ok_actions          = var.alarm_topics
}

resource "aws_cloudwatch_metric_alarm" "database_disk" {
  alarm_name          = "${var.name}-database-disk"
  alarm_description   = "The database's disk has less than 5 GiB left"
  namespace           = "AWS/RDS"
  metric_name         = "FreeStorageSpace"
  dimensions          = { DBInstanceIdentifier = var.data.database_id }
  statistic           = "Minimum"
  period              = 300
  evaluation_periods  = 1
  comparison_operator = "LessThanThreshold"
  threshold           = 5368709120
  alarm_actions       = var.alarm_topics
  ok_actions          = var.alarm_topics
}

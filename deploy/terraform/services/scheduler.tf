resource "aws_ecs_task_definition" "migrate" {
  family                   = "${var.name}-migrate"
  requires_compatibilities = ["FARGATE"]
  network_mode             = "awsvpc"
  cpu                      = 512
  memory                   = 1024
  execution_role_arn       = aws_iam_role.start["scheduler"].arn
  volume {
    name = "tmp"
  }
  volume {
    name = "state"
  }
  container_definitions = jsonencode([merge(local.container, {
    name       = "migrate"
    entryPoint = ["/bin/sh", "-euc"]
    command = [join("\n", [
      local.begin,
      "printf '%s' \"$WORKER_TOKEN\" > /tmp/worker; printf '%s' \"$SCALER_TOKEN\" > /tmp/scaler",
      "penstock db upgrade",
      "penstock tokens ensure workers ecs /tmp/worker --role admin --permissions workers:run",
      "penstock tokens ensure scaler ecs /tmp/scaler --role viewer",
    ])]
    environment = [{ name = "SETTINGS", value = local.settings }]
    secrets = concat(local.opens_database, [
      { name = "WORKER_TOKEN", valueFrom = var.data.secrets["worker-token"] },
      { name = "SCALER_TOKEN", valueFrom = var.data.secrets["scaler-token"] },
    ])
    logConfiguration = local.logged["scheduler"]
  })])
}

resource "aws_ecs_task_definition" "scheduler" {
  family                   = "${var.name}-scheduler"
  requires_compatibilities = ["FARGATE"]
  network_mode             = "awsvpc"
  cpu                      = var.scheduler.cpu
  memory                   = var.scheduler.memory
  execution_role_arn       = aws_iam_role.start["scheduler"].arn
  task_role_arn            = aws_iam_role.scheduler.arn
  volume {
    name = "tmp"
  }
  volume {
    name = "state"
  }
  volume {
    name = "shared"
    efs_volume_configuration {
      file_system_id     = var.data.files["id"]
      transit_encryption = "ENABLED"
      authorization_config {
        access_point_id = var.data.files["access_point"]
        iam             = "ENABLED"
      }
    }
  }
  container_definitions = jsonencode([
    merge(local.container, {
      name         = "scheduler"
      entryPoint   = ["/bin/sh", "-euc"]
      command      = ["${local.begin}; ${local.share}; exec penstock up"]
      mountPoints  = concat(local.container.mountPoints, [{ sourceVolume = "shared", containerPath = "/var/lib/penstock-shared", readOnly = false }])
      portMappings = [{ containerPort = 8080, protocol = "tcp" }]
      stopTimeout  = 60
      environment = [
        { name = "SETTINGS", value = local.settings },
        { name = "CELERY_BROKER_URL", value = var.data.broker_url },
        { name = "PENSTOCK_CONN_PENSTOCK_LOGS", value = "aws:///?region_name=${var.region}" },
      ]
      secrets          = local.opens_database
      logConfiguration = local.logged["scheduler"]
      healthCheck = {
        command     = ["CMD", "python3", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8080/health/live', timeout=3)"]
        interval    = 15
        timeout     = 5
        retries     = 4
        startPeriod = 60
      }
    }),
    merge(local.container, {
      name       = "publisher"
      essential  = false
      entryPoint = ["python3", "-c"]
      command    = [file("${path.module}/publish_workers.py")]
      environment = [
        { name = "PENSTOCK_SERVER", value = "http://127.0.0.1:8080" },
        { name = "METRICS_NAMESPACE", value = local.namespace },
        { name = "METRICS_INSTALLATION", value = var.name },
      ]
      secrets          = [{ name = "PENSTOCK_TOKEN", valueFrom = var.data.secrets["scaler-token"] }]
      dependsOn        = [{ containerName = "scheduler", condition = "HEALTHY" }]
      logConfiguration = local.logged["scheduler"]
    }),
  ])
}

resource "aws_ecs_service" "scheduler" {
  name                               = "scheduler"
  cluster                            = aws_ecs_cluster.this.id
  task_definition                    = aws_ecs_task_definition.scheduler.arn
  desired_count                      = var.scheduler.count
  launch_type                        = "FARGATE"
  health_check_grace_period_seconds  = 120
  deployment_minimum_healthy_percent = 100
  deployment_maximum_percent         = 200
  network_configuration {
    subnets         = var.network.private_subnets
    security_groups = [var.network.security_groups["scheduler"]]
  }
  load_balancer {
    target_group_arn = aws_lb_target_group.this.arn
    container_name   = "scheduler"
    container_port   = 8080
  }
  deployment_circuit_breaker {
    enable   = true
    rollback = true
  }
  depends_on = [aws_lb_listener.https]
}

resource "aws_vpc_security_group_ingress_rule" "browsers" {
  for_each          = { for each in setproduct(var.allowed_cidrs, [80, 443]) : "${each[0]} ${each[1]}" => { cidr = each[0], port = each[1] } }
  security_group_id = var.network.security_groups["balancer"]
  description       = "Browsers"
  cidr_ipv4         = each.value.cidr
  ip_protocol       = "tcp"
  from_port         = each.value.port
  to_port           = each.value.port
}

resource "aws_lb" "this" {
  name                       = var.name
  load_balancer_type         = "application"
  subnets                    = var.network.public_subnets
  security_groups            = [var.network.security_groups["balancer"]]
  drop_invalid_header_fields = true
  enable_deletion_protection = var.protected
  # A stream of events is silent for less than that.
  idle_timeout = 120
}

resource "aws_lb_target_group" "this" {
  name                 = var.name
  vpc_id               = var.network.vpc_id
  target_type          = "ip"
  protocol             = "HTTP"
  port                 = 8080
  deregistration_delay = 30
  health_check {
    path                = "/health/ready"
    interval            = 10
    timeout             = 5
    healthy_threshold   = 2
    unhealthy_threshold = 3
  }
}

resource "aws_lb_listener" "https" {
  load_balancer_arn = aws_lb.this.arn
  port              = 443
  protocol          = "HTTPS"
  ssl_policy        = "ELBSecurityPolicy-TLS13-1-2-2021-06"
  certificate_arn   = var.certificate_arn
  default_action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.this.arn
  }
}

resource "aws_lb_listener" "http" {
  load_balancer_arn = aws_lb.this.arn
  port              = 80
  protocol          = "HTTP"
  default_action {
    type = "redirect"
    redirect {
      port        = "443"
      protocol    = "HTTPS"
      status_code = "HTTP_301"
    }
  }
}

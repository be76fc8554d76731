locals {
  groups = {
    balancer  = "Browsers and workers ask it"
    scheduler = "Scheduler and server"
    worker    = "Workers of Penstock"
    database  = "PostgreSQL"
    broker    = "Valkey"
    files     = "What servers share"
  }
  # Who reaches whom: workers have the balancer and the broker, and no way to the database.
  reached = {
    scheduler-by-balancer = { to = "scheduler", from = "balancer", port = 8080 }
    balancer-by-worker    = { to = "balancer", from = "worker", port = 443 }
    database-by-scheduler = { to = "database", from = "scheduler", port = 5432 }
    broker-by-scheduler   = { to = "broker", from = "scheduler", port = 6379 }
    broker-by-worker      = { to = "broker", from = "worker", port = 6379 }
    files-by-scheduler    = { to = "files", from = "scheduler", port = 2049 }
  }
}

resource "aws_security_group" "this" {
  for_each    = local.groups
  name        = "${var.name}-${each.key}"
  description = each.value
  vpc_id      = aws_vpc.this.id
  tags        = { Name = "${var.name}-${each.key}" }
}

resource "aws_vpc_security_group_ingress_rule" "reached" {
  for_each                     = local.reached
  security_group_id            = aws_security_group.this[each.value.to].id
  referenced_security_group_id = aws_security_group.this[each.value.from].id
  description                  = each.key
  ip_protocol                  = "tcp"
  from_port                    = each.value.port
  to_port                      = each.value.port
}

resource "aws_vpc_security_group_egress_rule" "reached" {
  for_each                     = local.reached
  security_group_id            = aws_security_group.this[each.value.from].id
  referenced_security_group_id = aws_security_group.this[each.value.to].id
  description                  = each.key
  ip_protocol                  = "tcp"
  from_port                    = each.value.port
  to_port                      = each.value.port
}

# Images, the interfaces of AWS and the services that tasks ask are https.
resource "aws_vpc_security_group_egress_rule" "https" {
  for_each          = toset(["scheduler", "worker"])
  security_group_id = aws_security_group.this[each.key].id
  description       = "https to anywhere"
  cidr_ipv4         = "0.0.0.0/0"
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
}

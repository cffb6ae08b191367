# What Google would answer.

mock_data "google_project" {
  defaults = {
    number = "123456789012"
  }
}

mock_resource "google_service_account" {
  defaults = {
    email  = "made-up@test-project.iam.gserviceaccount.com"
    id     = "projects/test-project/serviceAccounts/made-up@test-project.iam.gserviceaccount.com"
    member = "serviceAccount:made-up@test-project.iam.gserviceaccount.com"
    name   = "projects/test-project/serviceAccounts/made-up@test-project.iam.gserviceaccount.com"
  }
}

mock_resource "google_cloudfunctions2_function" {
  defaults = {
    service_config = {
      uri = "https://function.example"
    }
  }
}
